"""From ledger rows to messages: decrypt, render, sign the link. What cannot be written is a code, not an exception."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import psycopg
from psycopg.rows import class_row

from marketflow.campaigns.content.arms import of_arm
from marketflow.campaigns.delivery.channel import OutgoingMessage
from marketflow.campaigns.delivery.ledger import Claim
from marketflow.campaigns.delivery.options import DeliveryOptions
from marketflow.campaigns.delivery.tracked import Tracking
from marketflow.campaigns.delivery.verp import envelope_sender
from marketflow.privacy import (
    ACCOUNT,
    EMAIL,
    GIVEN_NAME,
    KeyRing,
    bounce_token,
    is_role_account,
    message_token,
    unsubscribe_token,
)
from marketflow.shared import Clock, ConfigurationError
from marketflow.warehouse import queries

log = logging.getLogger(__name__)
_PLANS = 64  # renderers kept at a time, each of a plan and an arm
DECRYPT_ERROR, KEY_MISSING, RENDER_ERROR = "decrypt_error", "key_missing", "render_error"


class Rendered(Protocol):
    """What a renderer returns."""

    @property
    def subject(self) -> str:
        """One line."""

    @property
    def text(self) -> str:
        """Plain text."""

    @property
    def html(self) -> str | None:
        """HTML, if the campaign has it."""


class Renders(Protocol):
    """The templates of one plan."""

    def render(self, variables: Mapping[str, Any]) -> Rendered:
        """Fill the templates in for one contact point."""


RendererFactory = Callable[[Mapping[str, Any]], Renders]


@dataclass(frozen=True, kw_only=True)
class DueRow:
    """A claimed message with what it needs to be written."""

    send_id: int
    plan_id: int
    campaign: str
    purpose: str = "marketing"
    occasion: str
    message_id: str
    attempts: int
    address: bytes = field(repr=False)
    given_name: bytes | None = field(repr=False)
    locale: str | None
    products: list[dict[str, Any]]
    priority: int = 100
    is_test: bool = False
    variant: str | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A row and its message, or the reason why there is none."""

    row: DueRow
    message: OutgoingMessage | None = None
    reason: str | None = None


def load(conn: psycopg.Connection, claim: Claim) -> list[DueRow]:
    """All rows of a claimed batch, the most urgent first, in one query."""
    with conn.cursor(row_factory=class_row(DueRow)) as cursor:
        params = {"token": claim.token, "send_ids": list(claim.send_ids)}
        return cursor.execute(queries("delivery")["load"], params).fetchall()


class Writer:
    """Writes messages; keeps the renderers of the plans that it met last."""

    def __init__(
        self,
        conn: psycopg.Connection,
        channel: str,
        *,
        keys: KeyRing,
        clock: Clock,
        options: DeliveryOptions,
        renderer: RendererFactory,
    ) -> None:
        self._conn, self._channel, self._keys = conn, channel, keys
        self._clock, self._options, self._make = clock, options, renderer
        self._plan = lru_cache(_PLANS)(self._load_plan)

    def prepare(self, row: DueRow) -> Prepared:
        """The message of a row; only a database error raises.

        Reasons: `decrypt_error`, `key_missing`, `role_account` (no marketing to postmaster@ and the like),
        `render_error`.
        """
        try:
            address = self._keys.decrypt_text(row.address, EMAIL if self._channel == "email" else ACCOUNT)
            name = None if row.given_name is None else self._keys.decrypt_text(row.given_name, GIVEN_NAME)
        except (ConfigurationError, UnicodeDecodeError):
            return self._broken(row, DECRYPT_ERROR if self._has_keys(row) else KEY_MISSING)
        if self._channel == "email" and row.purpose == "marketing" and is_role_account(address):
            return Prepared(row=row, reason="role_account")
        try:
            return Prepared(row=row, message=self._write(row, address, name))
        except psycopg.Error:
            raise
        except Exception:  # noqa: BLE001  (templates are written by users: anything may come out of them)
            return self._broken(row, RENDER_ERROR)

    def _has_keys(self, row: DueRow) -> bool:
        return all(self._keys.has_key_of(v) for v in (row.address, row.given_name) if v is not None)

    def _write(self, row: DueRow, address: str, name: str | None) -> OutgoingMessage:
        renderer, business_date, tracking = self._plan(row.plan_id, row.variant)
        if renderer is None:
            raise ValueError("the plan's definition cannot be used")
        pages = self._pages(row.send_id) if self._channel == "email" else {}
        url = pages.get("unsubscribe_url")
        now = self._clock.now()
        rendered = renderer.render(
            {
                "given_name": name,
                "products": row.products,
                **pages,
                "brand": self._options.brand,
                "business_date": business_date,
                "locale": row.locale or self._options.locale,
                "links": tracking and tracking.of_message(row.send_id, now.astimezone(dt.UTC).date()),
            }
        )
        return OutgoingMessage(
            send_id=row.send_id,
            message_id=row.message_id,
            campaign=row.campaign,
            occasion=row.occasion,
            address=address,
            name=name,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            unsubscribe_url=url,
            return_path=self._return_path(row.send_id),
            provider_token=self._provider_token(row.send_id),
            written_at=now,
        )

    def _pages(self, send_id: int) -> dict[str, str]:
        """The pages of the edge service about this message, as the templates know them."""
        edge, keys, today = self._options.edge_url.rstrip("/"), self._keys, self._clock.now().date()
        return {
            "unsubscribe_url": f"{edge}/u/{unsubscribe_token(keys, send_id)}",
            "preferences_url": f"{edge}/p/{message_token(keys, 'preferences', send_id, today)}",
            "web_version_url": f"{edge}/w/{message_token(keys, 'web_version', send_id, today)}",
        }

    def _return_path(self, send_id: int) -> str | None:
        base = self._options.bounce_address
        return None if base is None or self._channel != "email" else envelope_sender(self._keys, base, send_id)

    def _provider_token(self, send_id: int) -> str | None:
        is_asked = self._options.tells_sendgrid and self._channel == "email"
        return bounce_token(self._keys, send_id) if is_asked else None

    def _load_plan(self, plan_id: int, variant: str | None) -> tuple[Renders | None, dt.date, Tracking | None]:
        """The renderer of a plan's arm, if it can be made, its day, what is tracked; kept either way: loaded once."""
        row = self._conn.execute(queries("delivery")["plan"], {"plan_id": plan_id}).fetchone()
        assert row is not None  # a foreign key
        try:
            return self._make(of_arm(row[0], variant)), row[1], self._tracking(row[0])
        except psycopg.Error:
            raise
        except Exception:  # noqa: BLE001  (a definition that this code cannot read any more)
            return None, row[1], None

    def _tracking(self, definition: Mapping[str, Any]) -> Tracking | None:
        options = self._options
        if self._channel != "email":
            return None
        return Tracking.of(
            definition, self._keys, options.edge_url, opens=options.track_opens, clicks=options.track_clicks
        )

    def _broken(self, row: DueRow, reason: str) -> Prepared:
        # ids only: the exception may show what the template was filled with
        log.warning("send %s of campaign %s cannot be written: %s", row.send_id, row.campaign, reason)
        return Prepared(row=row, reason=reason)


def windows(rows: Sequence[DueRow], size: int) -> list[Sequence[DueRow]]:
    """Slices of `size`."""
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def rest_without(rest: Sequence[int], rows: Sequence[DueRow]) -> list[int]:
    """Those of `rest` that are not in `rows`."""
    done = {row.send_id for row in rows}
    return [send_id for send_id in rest if send_id not in done]
