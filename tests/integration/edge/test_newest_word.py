"""Yes and no of a person in any order of arrival: by the time at which it was said, the newest word counts."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_service import records
from ledger_fixture import fill
from marketflow.edge.answers import PAGE, Answer, Choices, Withdrawal, answer, record
from marketflow.warehouse import connect

BASE = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
NOW = BASE + dt.timedelta(days=1)
DATABASE = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
TOPICS = ("news", "offers")
Say = Callable[[int, int], Answer]


@pytest.fixture
def fresh(conn: psycopg.Connection) -> Callable[[], int]:
    """A new person each time, who has allowed offers; her message."""
    conn.commit()
    return lambda: fill(conn, 1, now=BASE - dt.timedelta(days=9)).send_ids[0]


def no(send_id: int, minute: int) -> Answer:
    return answer(send_id, BASE + dt.timedelta(minutes=minute), withdrawal=Withdrawal())


def yes(send_id: int, minute: int) -> Answer:
    return answer(send_id, BASE + dt.timedelta(minutes=minute), consent_text="Yes", choices=Choices())


WORDS: dict[str, Say] = {"no": no, "yes": yes}


def outcome(conn: psycopg.Connection, send_id: int) -> tuple[bool, bool]:
    """May offers be sent, as far as the consent goes, and as far as suppressions do?"""
    [row] = conn.execute(
        "SELECT c.granted, x.address_hash IS NULL FROM activation.sends AS s"
        " JOIN privacy.consents AS c USING (contact_point_id) JOIN core.contact_points AS p USING (contact_point_id)"
        " LEFT JOIN privacy.suppressions AS x ON x.channel = p.channel AND x.address_hash = p.address_hash"
        " WHERE s.send_id = %s AND c.purpose = 'marketing'",
        [send_id],
    ).fetchall()
    return row


def recorded(dsn: str, said: list[Answer]) -> None:
    """Each in a transaction of its own, with the rights of the service."""
    with connect(dsn, "edge") as conn:
        for one in said:
            assert record(conn, one, NOW)
            conn.commit()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("said", ["no yes no", "yes no yes", "no no yes", "no yes yes", "yes yes no"])
def test_three_words_in_all_orders(
    conn: psycopg.Connection, warehouse_dsn: str, fresh: Callable[[], int], said: str, order: tuple[int, ...]
) -> None:
    """The one in the middle may have waited in the journal while the last was recorded at once."""
    send_id = fresh()
    words = [WORDS[word](send_id, 5 * number) for number, word in enumerate(said.split())]
    recorded(warehouse_dsn, [words[n] for n in order])
    assert outcome(conn, send_id) == ((True, True) if said.endswith("yes") else (False, False))


@DATABASE
@given(
    said=st.lists(
        st.tuples(st.sampled_from(["no", "yes"]), st.integers(0, 6).map(lambda n: 2 * n)), min_size=1, max_size=6
    ),
    twice=st.booleans(),
)
def test_the_newest_word_counts_and_of_two_at_once_the_no(
    conn: psycopg.Connection,
    warehouse_dsn: str,
    fresh: Callable[[], int],
    said: list[tuple[str, int]],
    twice: bool,
) -> None:
    send_id = fresh()
    answers = [WORDS[word](send_id, minute) for word, minute in said]
    recorded(warehouse_dsn, answers * (2 if twice else 1))
    newest = max(minute for _, minute in said)
    may_send = ("no", newest) not in said
    assert outcome(conn, send_id) == (may_send, may_send)
    conn.rollback()


@DATABASE
@given(
    said=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from([(), ("news",), ("offers",), TOPICS]), st.sampled_from([None, "zh"])),
        min_size=1, max_size=5, unique_by=lambda one: one[0],
    )
)  # fmt: skip
def test_of_choices_in_any_order_the_newest_stay(
    conn: psycopg.Connection, warehouse_dsn: str, fresh: Callable[[], int], said: list[Any]
) -> None:
    send_id = fresh()
    recorded(
        warehouse_dsn,
        [
            answer(
                send_id,
                BASE + dt.timedelta(minutes=minute),
                choices=Choices(shown_topics=TOPICS, unwanted_topics=unwanted, language=language),
            )
            for minute, unwanted, language in said
        ],
    )
    _, unwanted, language = max(said)
    found = conn.execute(
        "SELECT p.unwanted_topics, p.language FROM privacy.preferences AS p JOIN activation.sends AS s USING"
        " (contact_point_id) WHERE s.send_id = %s",
        [send_id],
    ).fetchall()
    conn.rollback()
    assert found == [(sorted(unwanted), language)]


def test_a_no_that_is_said_again_later_is_noted(
    conn: psycopg.Connection, warehouse_dsn: str, fresh: Callable[[], int]
) -> None:
    """Within a minute it is the same click; the times are those of the last in any case."""
    send_id = fresh()
    last = BASE + dt.timedelta(minutes=5, seconds=30)
    again = answer(send_id, last, withdrawal=Withdrawal())
    recorded(warehouse_dsn, [no(send_id, 0), no(send_id, 5), again])
    times = conn.execute(
        "SELECT occurred_at FROM privacy.consent_events WHERE send_id = %s ORDER BY 1", [send_id]
    ).fetchall()
    assert times == [(BASE,), (BASE + dt.timedelta(minutes=5),)]
    assert conn.execute("SELECT since FROM privacy.suppressions").fetchall()[-1:] == [(last,)]
    changed = conn.execute("SELECT changed_at FROM privacy.consents WHERE NOT granted").fetchall()
    assert changed[-1:] == [(last,)]


@pytest.mark.parametrize("reason", ["hard_bounce", "complaint", "manual"])
def test_who_is_shut_out_for_another_reason_stays_so_whatever_is_said(
    conn: psycopg.Connection, warehouse_dsn: str, fresh: Callable[[], int], reason: str
) -> None:
    send_id = fresh()
    conn.execute(
        "INSERT INTO privacy.suppressions SELECT p.channel, p.address_hash, %s, %s FROM core.contact_points AS p"
        " JOIN activation.sends AS s USING (contact_point_id) WHERE s.send_id = %s",
        [reason, BASE, send_id],
    )
    conn.commit()
    recorded(warehouse_dsn, [no(send_id, 1), yes(send_id, 5), no(send_id, 9)])
    assert (reason, BASE) in conn.execute("SELECT reason, since FROM privacy.suppressions").fetchall()
    assert outcome(conn, send_id)[1] is False


def test_an_import_that_says_yes_in_between_keeps_nobody_from_coming_back(
    conn: psycopg.Connection, warehouse_dsn: str, fresh: Callable[[], int]
) -> None:
    """She unsubscribed, the shop's export says yes; on the page she is not subscribed, and may say yes herself."""
    send_id = fresh()
    recorded(warehouse_dsn, [no(send_id, 0)])
    conn.execute("UPDATE privacy.consents SET granted = TRUE, changed_at = %s", [BASE + dt.timedelta(minutes=3)])
    conn.commit()
    assert outcome(conn, send_id) == (True, False)
    recorded(warehouse_dsn, [yes(send_id, 10)])
    assert outcome(conn, send_id) == (True, True)
    conn.rollback()
    said = [(g, how) for *_, g, how, s in records(conn)[2] if s == send_id]
    assert said == [(False, "unsubscribe link"), (True, PAGE)]


@pytest.mark.parametrize("call", ["is_suppressed(1)", "has_address(1)", "suppress_unsubscribed(1, '2026-01-01Z')"])
def test_nobody_else_may_ask(warehouse_dsn: str, call: str) -> None:
    with connect(warehouse_dsn, "analyst") as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(f"SELECT privacy.{call}")
