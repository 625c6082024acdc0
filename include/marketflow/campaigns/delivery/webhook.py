"""Posts through a webhook: one JSON POST per message, any service that takes one.

The receiver gets the message's id as `Idempotency-Key` and in the body, but nobody can know whether it keeps such keys.
So a request that was written and not answered is `unknown`, not sent again; a receiver that is known to keep them
(`WebhookTarget.keeps_keys`) is asked once more, at once, with the same key. The same holds for 500 and its like: the
service broke over the request, before or after it did what it was asked; and for 502 and 504, which come from a gateway
that has lost the service behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx

from marketflow.campaigns.delivery.channel import SENT, Outcome, OutgoingMessage, deferred, failed, unknown
from marketflow.campaigns.delivery.targets import AccountTarget, WebhookTarget

_NO_ANSWER = unknown("no_reply")
# It has certainly not been done: not allowed yet, too slow, too early, too many, not known there, down.
_LATER = frozenset({401, 408, 425, 429, 501, 503})
_GATEWAY = frozenset({502, 504})


class WebhookChannel:
    """The channel `webhook`. `resolve` gives the target of an account name (an Airflow connection, in production)."""

    name = "webhook"

    def __init__(self, resolve: Callable[[str], AccountTarget], *, timeout: float = 20.0) -> None:
        self._resolve = resolve
        self._timeout = timeout  # seconds
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was kept open."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def send(self, message: OutgoingMessage) -> Outcome:
        """One post.

        Reasons: `http_<code>`, `connect_failed`, `connection_lost`, `no_reply`, `bad_target`, `target_not_found`.
        """
        try:
            target = self._resolve(message.address)
        except Exception:  # noqa: BLE001  (whatever a secrets backend raises: the account cannot be found today)
            return deferred("target_not_found")
        if not isinstance(target, WebhookTarget):
            return deferred("target_not_found")
        outcome = self._post(target, message)
        return self._post(target, message) if outcome.state == "unknown" and target.keeps_keys else outcome

    def _post(self, target: WebhookTarget, message: OutgoingMessage) -> Outcome:
        self._client = self._client or httpx.Client(timeout=self._timeout)
        body = {
            "campaign": message.campaign,
            "occasion": message.occasion,
            "text": message.text,
            "idempotency_key": message.message_id,
        }
        headers = {**target.headers, "Idempotency-Key": message.message_id}
        try:
            # streamed and not read: only the status counts, however long the answer is
            with self._client.stream("POST", target.url, json=body, headers=headers) as reply:
                return http_outcome(reply.status_code, reply.headers.get("Retry-After"))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return deferred("connect_failed")
        except (httpx.WriteError, httpx.WriteTimeout):
            return deferred("connection_lost")  # the request is not complete: it cannot have been done
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError):
            return failed("bad_target")
        except httpx.HTTPError:
            return _NO_ANSWER


def http_outcome(status: int, retry_after: str | None = None) -> Outcome:
    """What an HTTP status says about the post (RFC 9110, 15). `retry_after` counts in seconds only, not as a date."""
    reason = f"http_{status}"
    if 200 <= status < 300:
        return SENT
    if status in _GATEWAY:
        return _NO_ANSWER
    if status in _LATER:
        seconds = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
        return deferred(reason, retry_after=seconds)
    return unknown(reason) if status >= 500 else failed(reason)
