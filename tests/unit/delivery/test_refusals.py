"""Which refusals are believed, and which codes say that an address is dead."""

from __future__ import annotations

import pytest

from marketflow.campaigns.delivery.channel import SENT, Outcome, deferred, refused
from marketflow.campaigns.delivery.refusals import Refusals, enhanced_code, is_dead

NO = refused("smtp_550", code="5.1.1", is_bounce=True)


@pytest.mark.parametrize(
    ("reply", "code", "dead"),
    [
        (b"5.1.1 <ada@example.com> no such user\r\n", "5.1.1", True),
        (b"5.2.1 disabled", "5.2.1", True),
        (b"5.1.10 null MX", "5.1.10", True),
        (b"5.7.1 relaying denied", "5.7.1", False),
        (b"5.1.8 your domain does not exist", "5.1.8", False),
        (b"5.2.2 mailbox full", "5.2.2", False),
        (b"no such user 5.1.1", None, True),
        (b"5.1.1000 nonsense", None, True),
        (b"\xff\xfe", None, True),
        (b"", None, True),
    ],
)
def test_codes_of_a_550(reply: bytes, code: str | None, *, dead: bool) -> None:
    assert enhanced_code(reply) == code
    assert is_dead(550, enhanced_code(reply)) is dead


@pytest.mark.parametrize(("code", "dead"), [(550, True), (551, True), (553, True), (552, False), (554, False)])
def test_codes_without_an_enhanced_one(code: int, *, dead: bool) -> None:
    assert is_dead(code, None) is dead


def judged(refusals: Refusals, *outcomes: Outcome) -> list[str]:
    return ["bounce" if o.is_bounce else o.state for o in refusals.judge(outcomes)]


def test_a_refusal_among_acceptances_is_believed_wherever_it_stands() -> None:
    refusals = Refusals()
    assert judged(refusals, NO, SENT, NO) == ["bounce", "sent", "bounce"]
    assert judged(refusals, NO) == ["bounce"]
    assert refusals.stop is None


def test_a_server_that_refuses_everybody_is_not_believed() -> None:
    refusals = Refusals()
    assert judged(refusals, *[NO] * 8) == ["deferred"] * 8
    assert refusals.stop == "refuses_all"


def test_a_server_that_begins_to_refuse_everybody_is_not_believed_any_more() -> None:
    refusals = Refusals()
    assert judged(refusals, SENT, *[NO] * 9) == ["sent", *["deferred"] * 9]
    assert refusals.stop is None
    assert judged(refusals, NO) == ["deferred"]
    assert refusals.stop == "refuses_all"


@pytest.mark.parametrize("window", range(1, 13))
@pytest.mark.parametrize("before", range(1, 13))
def test_a_server_that_begins_to_refuse_everybody_costs_two_addresses_at_most(before: int, window: int) -> None:
    refusals, ends = Refusals(), list[str]()
    said = [SENT] * before + [NO] * 30
    while refusals.stop is None:
        ends += judged(refusals, *said[len(ends) : len(ends) + window])
    assert ends.count("bounce") <= 2


def test_refusals_that_an_acceptance_follows_are_believed_however_many() -> None:
    refusals = Refusals()
    assert judged(refusals, SENT, *[NO] * 9, SENT, NO) == ["sent", *["bounce"] * 9, "sent", "bounce"]


def test_one_alone_is_put_off_and_stops_nothing() -> None:
    refusals = Refusals()
    assert judged(refusals, NO) == ["deferred"]
    assert refusals.stop is None


def test_other_outcomes_are_left_alone() -> None:
    later = deferred("smtp_450")
    assert Refusals().judge([later, SENT]) == [later, SENT]
