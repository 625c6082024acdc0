"""What a rule would do: how many, at what cost, ten of them masked, why others get nothing. Nothing is kept."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from marketflow.campaigns.audience import About, ShopWords
from marketflow.campaigns.audience.condition import (
    TIMEOUT_MS,
    count_customers,
    estimate,
    fill_by_condition,
    is_everybody,
)
from marketflow.campaigns.audience.predicate import says_everybody
from marketflow.campaigns.definition import Campaign, Templates
from marketflow.campaigns.planning.plan import plan_campaign
from marketflow.campaigns.policy import OUTCOMES
from marketflow.privacy import GIVEN_NAME, KeyRing, mask_name
from marketflow.shared import Clock
from marketflow.warehouse import queries

_MEMBERS = 10
_TITLES = {"customer_id": "customer", "name": "name", "segment": "segment", "orders": "orders",
           "last_order_on": "last order", "country": "country"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a rule selects. `cost` and `estimated` are PostgreSQL's; `seconds` is how long it took.

    `planned` and `refusals` (people by reason) are what planning would say; None and empty when it would refuse the
    plan as a whole, for the reason `refused`. `members` have an id, a masked name and columns of marts.customer_360.
    """

    rule: str
    channel: str
    purpose: str
    day: dt.date
    customers: int
    selected: int
    seconds: float
    cost: float
    estimated: int
    members: list[dict[str, Any]]
    planned: int | None
    refusals: dict[str, int]
    refused: str | None

    @property
    def share(self) -> float:
        """Of all customers, 0 to 1."""
        return self.selected / self.customers if self.customers else 0.0


def explain_audience(
    conn: psycopg.Connection,
    rule: str,
    *,
    channel: str = "email",
    purpose: str = "marketing",
    day: dt.date | None = None,
    keys: KeyRing,
    clock: Clock,
    timeout_ms: int = TIMEOUT_MS,
    **planning: Any,
) -> Explanation:
    """Look at what `rule` selects and what planning would make of it; everything is rolled back.

    `planning` goes to plan_campaign. Raises AudienceRefused for a rule that is wrong or takes too long.
    """
    day = day or clock.business_date()
    about = About(day=day, time_zone=clock.time_zone, unknown=ShopWords(conn))
    with conn.transaction(force_rollback=True):
        q = queries("campaigns")
        conn.execute(q["memory"])
        conn.execute(q["drop_audience"])
        conn.execute(q["make_audience"])
        cost, estimated = estimate(conn, rule, about)
        began = time.perf_counter()
        selected = fill_by_condition(conn, rule, about, timeout_ms)
        seconds = time.perf_counter() - began
        members, customers = _members(conn, keys), count_customers(conn)
        # that it is everybody is said below, and keeps nobody from seeing who would not be written to
        campaign = _stand_in(rule if says_everybody(rule) else f"everybody() AND ({rule})", channel, purpose)
        plan = plan_campaign(conn, campaign, business_date=day, dry_run=True, keys=keys, clock=clock, **planning)
    is_planned = plan.state == "planned"
    return Explanation(
        rule=rule, channel=channel, purpose=purpose, day=day, customers=customers, selected=selected, seconds=seconds,
        cost=cost, estimated=estimated, members=members, planned=plan.planned if is_planned else None,
        refusals=plan.refusals if is_planned else {}, refused=plan.reason,
    )  # fmt: skip


def told(found: Explanation) -> Iterator[str]:
    """The explanation in lines of plain text."""
    yield f"Rule       {found.rule}"
    yield f"Day        {found.day}, from which days are counted back"
    note = "  This is everybody." if is_everybody(found.selected, found.customers) else ""
    expected = f"PostgreSQL's plan, which expected {found.estimated:,}"
    yield f"Selects    {found.selected:,} of {found.customers:,} customers ({found.share:.1%}).{note}"
    yield f"Cost       {found.cost:,.0f} by {expected}; it took {found.seconds:.2f} s"
    yield ""
    if found.planned is None:
        yield f"A plan of it would be refused: {found.refused}"
    else:
        yield f"By {found.channel}, for {found.purpose}, {found.planned:,} of them would be written to; the others not:"
        for reason, count in sorted(found.refusals.items(), key=lambda pair: (-pair[1], pair[0])):
            yield f"  {count:>10,}  {reason.replace('_', ' '):22} {OUTCOMES.get(reason, '')}".rstrip()
    if found.members:
        yield ""
        yield f"{len(found.members)} of them, names masked:"
        yield from _table(found.members)


def _members(conn: psycopg.Connection, keys: KeyRing) -> list[dict[str, Any]]:
    rows = conn.execute(queries("audience")["explained_members"], {"members": _MEMBERS}).fetchall()
    return [
        {
            "customer_id": customer, "name": mask_name(keys.decrypt_text(name, GIVEN_NAME) if name else None),
            "segment": segment, "orders": orders, "last_order_on": last and str(last), "country": country,
        }
        for customer, name, segment, orders, last, country in rows
    ]  # fmt: skip


def _table(members: list[dict[str, Any]]) -> Iterator[str]:
    rows = [_TITLES, *({k: "-" if m[k] is None else str(m[k]) for k in _TITLES} for m in members)]
    widths = {k: max(len(row[k]) for row in rows) for k in _TITLES}
    for row in rows:
        yield "  " + "  ".join(row[k].ljust(widths[k]) for k in _TITLES).rstrip()


def _stand_in(rule: str, channel: str, purpose: str) -> Campaign:
    """A campaign with this rule and nothing to say."""
    return Campaign.model_validate(
        {
            "name": "explained_audience", "title": "An audience explained", "owner": "marketing", "channel": channel,
            "purpose": purpose, "trigger": {"on": "manual"}, "audience": {"where": rule}, "max_age_days": 90,
            "templates": Templates(subject="-", text="{{ unsubscribe_url }}"),
        }
    )  # fmt: skip
