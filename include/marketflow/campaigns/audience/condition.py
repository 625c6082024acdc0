"""Running a condition: with the audience role's rights, read-only, for so long and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from marketflow.campaigns.audience.predicate import About, AudienceRefused, compile_predicate, says_everybody
from marketflow.warehouse import queries

TIMEOUT_MS = 30_000
# More than this share of a shop of some size is everybody, and nobody asks for that without saying so.
_EVERYBODY, _FEWEST = 0.99, 100


def insert_by_condition(conn: psycopg.Connection, text: str, about: About, timeout_ms: int = TIMEOUT_MS) -> int:
    """Put the customers of the condition into pg_temp.plan_audience; returns how many. Raises AudienceRefused.

    It is refused, too, when it selects nearly everybody and does not say so by everybody().
    """
    found = fill_by_condition(conn, text, about, timeout_ms)
    customers = count_customers(conn)
    if is_everybody(found, customers) and not says_everybody(text):
        raise AudienceRefused(
            f"the condition selects everybody: {found:,} of {customers:,} customers; "
            f"when that is meant, write everybody() AND ({text})"
        )
    return found


def is_everybody(found: int, customers: int) -> bool:
    """Are so many of so many customers everybody? A shop of fewer than 100 is seen through without being told."""
    return customers >= _FEWEST and found > _EVERYBODY * customers


def fill_by_condition(conn: psycopg.Connection, text: str, about: About, timeout_ms: int = TIMEOUT_MS) -> int:
    """Put the customers of the condition into pg_temp.plan_audience, however many; returns how many."""
    insert = sql.SQL("INSERT INTO pg_temp.plan_audience (customer_id) {}").format(selection(conn, text, about))
    conn.execute(queries("campaigns")["lend_audience"])
    with as_audience(conn, timeout_ms):
        return conn.execute(insert).rowcount


def estimate(conn: psycopg.Connection, text: str, about: About) -> tuple[float, int]:
    """PostgreSQL's cost of the condition, in its own units, and how many it expects. Raises AudienceRefused."""
    query = sql.SQL("EXPLAIN (FORMAT JSON) {}").format(selection(conn, text, about))
    with as_audience(conn):
        row = conn.execute(query).fetchone()
    plan = row[0][0]["Plan"] if row else {}
    return float(plan.get("Total Cost", 0)), int(plan.get("Plan Rows", 0))


def selection(conn: psycopg.Connection, text: str, about: About) -> sql.Composable:
    """The query for the condition's customers. Raises AudienceRefused."""
    predicate = compile_predicate(text, known_columns(conn), about)
    return sql.SQL("SELECT customer_id FROM marts.customer_360 WHERE {}").format(predicate)


def known_columns(conn: psycopg.Connection) -> list[str]:
    """The columns of marts.customer_360."""
    return [str(name) for (name,) in conn.execute(queries("campaigns")["audience_columns"])]


def count_customers(conn: psycopg.Connection) -> int:
    """All customers that a condition could select."""
    row = conn.execute(queries("audience")["customers_count"]).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def as_audience(conn: psycopg.Connection, timeout_ms: int = TIMEOUT_MS) -> Iterator[None]:
    """Within the block: no rights but to read the marts, nothing written but temporary tables, no time without end.

    Afterwards the caller has its own rights and limits again. Raises AudienceRefused for what cannot be evaluated.
    """
    q = queries("campaigns")
    before = conn.execute(q["current_settings"]).fetchone()
    assert before is not None  # settings always have values
    try:
        with conn.transaction():  # a savepoint: read-only ends with it, and an error undoes the rest
            conn.execute(q["become_audience"], {"timeout_ms": timeout_ms})
            yield
    except psycopg.errors.QueryCanceled:
        raise AudienceRefused(f"the condition took longer than {timeout_ms / 1000:g} s") from None
    except (psycopg.errors.DataError, psycopg.errors.ProgrammingError) as error:
        raise AudienceRefused(f"the condition cannot be evaluated: {error.diag.message_primary}") from None
    conn.execute(q["restore_settings"], {"role": before[0], "statement_timeout": before[1]})
