"""The bodies of `settle_unknown` and `control_channel`: what a person decides about messages and channels, and who."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from marketflow.orchestration.connections import warehouse
from marketflow.orchestration.defaults import actor
from marketflow.shared import MarketflowError, settings
from marketflow.shared.ids import MESSAGE_ID

if TYPE_CHECKING:
    from marketflow.campaigns.delivery import UnknownSelection

log = logging.getLogger(__name__)

# What is typed into a form stays in Airflow's database, so it takes nothing that could name a customer.
MESSAGE_IDS = rf"^\s*(<?{MESSAGE_ID}>?([\s,;]+|$))*$"


def list_unknown() -> str:
    """Markdown of what is unknown, in the log and in XCom."""
    from marketflow.campaigns.delivery import unknown_report

    with warehouse("sender") as conn:
        report = unknown_report(conn)
    log.info("%s", report)
    return report


def decide_unknown(form: Mapping[str, Any]) -> dict[str, Any]:
    """Write the form's decision to the selected messages; skips when it says to list only, or none was unknown."""
    from marketflow.campaigns.delivery import settle_unknown

    if form["decision"] == "list":
        raise AirflowSkipException("listed only: nothing was decided")
    with warehouse("sender") as conn:
        try:
            done = settle_unknown(
                conn, _selection(form), form["decision"], by=actor(), now=settings().clock().now(),
                confirmed=form["confirm"],
            )  # fmt: skip
        except MarketflowError as error:
            raise AirflowFailException(str(error)) from None
    if done.not_unknown:
        log.info("%s of the named messages are not unknown, and were left alone", done.not_unknown)
    if not done.count:
        raise AirflowSkipException("none of the selected messages is unknown")
    return asdict(done)


def control_channel(form: Mapping[str, Any]) -> str:
    """Switch a channel off or on; skips when it is so already."""
    from marketflow.campaigns.delivery import switch_channel

    paused = form["switch"] == "off"
    with warehouse("sender") as conn:
        changed = switch_channel(
            conn, form["channel"], paused=paused, by=actor(), reason=form["reason"] or None, clock=settings().clock()
        )
    if not changed:
        raise AirflowSkipException(f"the channel {form['channel']} is {form['switch']} already")
    return f"the channel {form['channel']} is {form['switch']}"


def _selection(form: Mapping[str, Any]) -> UnknownSelection:
    from marketflow.campaigns.delivery import UnknownSelection, message_ids_in

    text, hours = form["message_ids"] or "", form["older_than_hours"]
    if not re.search(MESSAGE_IDS, text):
        raise AirflowFailException(
            "the form takes Message-IDs only (32 hex digits, @ and a domain), side by side or one a line; lines of a"
            " mail server's log go to the terminal: marketflow delivery arrived < lines"
        )
    return UnknownSelection(
        campaign=form["campaign"] or None,
        begun_before=None if hours is None else settings().clock().now() - dt.timedelta(hours=hours),
        message_ids=message_ids_in(text) or None,
    )
