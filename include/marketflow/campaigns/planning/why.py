"""Why did this customer get it, why not that one: from the frozen audiences, and where she is in none from the rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from marketflow.campaigns.audience import About, ShopWords
from marketflow.campaigns.audience.condition import as_audience, known_columns
from marketflow.campaigns.audience.predicate import columns_read, compile_predicate, parts_of
from marketflow.campaigns.policy import OUTCOMES
from marketflow.shared import Clock, MarketflowError
from marketflow.warehouse import queries


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a rule, whether it is true of the customer now (None: not known), and what its columns say of her."""

    text: str
    is_true: bool | None
    values: dict[str, Any]


def why(conn: psycopg.Connection, campaign: str, customer_id: int, *, clock: Clock) -> Iterator[str]:
    """The plans of `campaign` that chose her, with what became of them, in lines of plain text, the newest first.

    When the newest plan (dry runs and tests aside) did not choose her: its rule part by part, as each is true of her
    now. Raises MarketflowError for a customer or a campaign that there is not.
    """
    numbers = _all(conn, "numbers_of_person", customer_id=customer_id)
    if not numbers:
        raise MarketflowError(f"there is no customer {customer_id}")
    newest = next(iter(_all(conn, "newest_plan", campaign=campaign)), None)
    if newest is None:
        raise MarketflowError(f"{campaign} was never planned")
    ids = [int(row["customer_id"]) for row in numbers]
    if ids[0] != customer_id:
        yield f"Customer {customer_id} turned out to be customer {ids[0]}."
    found = _all(conn, "plans_of_person", campaign=campaign, customer_ids=ids)
    if newest["plan_id"] not in {row["plan_id"] for row in found}:
        kind = ", a dry run" if newest["is_dry_run"] else ""
        yield f"Plan {newest['plan_id']} ({newest['occasion']}{kind}), the newest, did not choose her."
        yield from _rule_now(conn, newest, ids[0], clock)
    for row in found:
        yield _told(row)


def rule_parts(conn: psycopg.Connection, rule: str, customer_id: int, *, clock: Clock) -> list[Part]:
    """Each part of a rule that must be true, for this customer and as of the clock's business day."""
    about = About(day=clock.business_date(), time_zone=clock.time_zone, unknown=ShopWords(conn))
    return [_part(conn, text, customer_id, about) for text in parts_of(rule)]


def _rule_now(conn: psycopg.Connection, plan: dict[str, Any], customer_id: int, clock: Clock) -> Iterator[str]:
    if plan["state"] == "refused":
        yield "That plan was refused as a whole, and chose nobody."
    if plan["rule"] is None:
        yield "It goes to those to whom its event happened."
        return
    yield f"Its rule, as it is for her on {clock.business_date()}:"
    for part in rule_parts(conn, plan["rule"], customer_id, clock=clock):
        word = {True: "yes", False: "NO", None: "NO (not known)"}[part.is_true]
        values = ", ".join(f"{name} is {_shown(value)}" for name, value in part.values.items())
        yield f"  {word:15} {part.text}" + (f"   ({values})" if values else "")


def _part(conn: psycopg.Connection, text: str, customer_id: int, about: About) -> Part:
    predicate = compile_predicate(text, known_columns(conn), about)
    columns = columns_read(text)
    query = sql.SQL("SELECT {} FROM marts.customer_360 WHERE customer_id = {}").format(
        sql.SQL(", ").join([predicate, *map(sql.Identifier, columns)]), sql.Literal(customer_id)
    )
    with as_audience(conn):
        row = conn.execute(query).fetchone()
    if row is None:
        return Part(text=text, is_true=None, values={"marts.customer_360": None})
    return Part(text=text, is_true=row[0], values=dict(zip(columns, row[1:], strict=True)))


def _told(row: dict[str, Any]) -> str:
    kind = "dry run" if row["is_dry_run"] else row["plan_state"]
    head = f"Plan {row['plan_id']} ({row['occasion']}, version {row['definition_version'][:12]}, {kind}): "
    if row["outcome"] != "planned":
        outcome = f"{row['outcome']} - {OUTCOMES.get(row['outcome'], 'no reason that is known')}"
    else:
        outcome = "chosen"
    if row["send_state"] is None:
        return head + outcome
    when = f" at {row['sent_at']:%Y-%m-%d %H:%M %Z}" if row["sent_at"] else ""
    reason = f", {row['send_reason']}" if row["send_reason"] else ""
    return f"{head}{outcome}; its message is {row['send_state']}{when}{reason}"


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    return repr(value) if isinstance(value, str) else str(value)


def _all(conn: psycopg.Connection, statement: str, **values: Any) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(queries("audience")[statement], values).fetchall()
