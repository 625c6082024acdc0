"""Posts on Mastodon, by Mastodon.py.

A server keeps idempotency keys for an hour: so a post that was not answered, or over which the server broke (500), is
asked for once more at once, with the same key, and is `unknown` when that fares no better. Later than that the key may
be gone and would not protect.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from marketflow.campaigns.delivery.channel import SENT, Outcome, OutgoingMessage, deferred, unknown
from marketflow.campaigns.delivery.targets import AccountTarget, MastodonTarget
from marketflow.campaigns.delivery.webhook import http_outcome

_NO_ANSWER = unknown("no_reply")


class MastodonChannel:
    """The channel `mastodon`. `resolve` gives the target of an account name (an Airflow connection, in production)."""

    name = "mastodon"

    def __init__(self, resolve: Callable[[str], AccountTarget], *, timeout: float = 20.0) -> None:
        self._resolve = resolve
        self._timeout = timeout  # seconds
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was kept open."""
        for client in self._clients.values():
            client.session.close()
        self._clients.clear()

    def send(self, message: OutgoingMessage) -> Outcome:
        """One post. Reasons: `http_<code>`, `connect_failed`, `no_reply`, `odd_reply`, `target_not_found`."""
        try:
            client = self._client(message.address)
        except Exception:  # noqa: BLE001  (whatever a secrets backend raises: the account cannot be found today)
            return deferred("target_not_found")
        outcome = self._post(client, message)
        return self._post(client, message) if outcome.state == "unknown" else outcome

    def _client(self, account: str) -> Any:
        if account not in self._clients:
            from mastodon import Mastodon

            target = self._resolve(account)
            if not isinstance(target, MastodonTarget):
                raise LookupError(account)
            self._clients[account] = Mastodon(
                access_token=target.token,
                api_base_url=target.base_url,
                request_timeout=self._timeout,
                ratelimit_method="throw",  # a sender that sleeps for the server would lose its lease
                version_check_mode="none",
            )
        return self._clients[account]

    def _post(self, client: Any, message: OutgoingMessage) -> Outcome:
        from mastodon import errors

        try:
            client.status_post(message.text.strip(), idempotency_key=message.message_id)
        except errors.MastodonNetworkError as error:
            return deferred("connect_failed") if _never_connected(error.__context__) else _NO_ANSWER
        except errors.MastodonRatelimitError as error:
            # the same class also stands for rate limit headers that cannot be read, on any answer
            return http_outcome(429) if "Hit rate limit" in str(error) else unknown("odd_reply")
        except errors.MastodonAPIError as error:
            code = error.args[1] if len(error.args) > 1 else None
            return http_outcome(code) if isinstance(code, int) else unknown("odd_reply")
        return SENT


def _never_connected(cause: BaseException | None) -> bool:
    """Did the request fail before any of it could be sent?"""
    import requests
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    if isinstance(cause, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError):
        return True
    inner = cause.args[0] if cause is not None and cause.args else None
    return isinstance(inner, MaxRetryError) and isinstance(inner.reason, NewConnectionError)
