"""The simulation does what it states: the same each time, in the stated shares, with the stated effect."""

from __future__ import annotations

import csv
import datetime as dt
import subprocess
import sys
from collections import Counter
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.embedded.simulation import true_uplift, uplift_in_words
from marketflow.embedded.simulation.behaviour import AGENTS, Act, Reading, Truth
from marketflow.embedded.simulation.chance import amount, choose, draw
from marketflow.embedded.simulation.mails import handles
from marketflow.embedded.simulation.purchases import Person, write_purchases
from marketflow.sources import find_sources

EDGE = "http://127.0.0.1:8091"
MANY = 20_000
TRUTH = Truth(base=0.06, effects={"offer": {"plain": 0.05, "question": 0.1}})
SPAN = (dt.datetime(2018, 1, 1, 14, tzinfo=dt.UTC), dt.datetime(2018, 1, 1, 14, 2, tzinfo=dt.UTC))


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_a_draw_is_a_share_and_always_the_same(name: list[str]) -> None:
    assert 0 <= draw(*name) < 1
    assert draw(*name) == draw(*name)


def test_a_draw_is_the_same_in_another_process() -> None:
    code = "from marketflow.embedded.simulation.chance import draw; print(draw('buys', 'offer', '42'))"
    said = {subprocess.check_output([sys.executable, "-c", code], text=True).strip() for _ in range(2)}
    assert said == {str(draw("buys", "offer", "42"))}


def test_draws_are_even_and_names_do_not_run_together() -> None:
    tenths = Counter(int(draw("x", str(n)) * 10) for n in range(MANY))
    assert set(tenths) == set(range(10))
    assert max(abs(count / MANY - 0.1) for count in tenths.values()) < 0.01
    assert draw("a", "bc") != draw("ab", "c")


def test_a_choice_keeps_the_shares_and_always_chooses() -> None:
    shares = {"a": 0.7, "b": 0.2, "c": 0.1}
    found = Counter(choose(shares, str(n)) for n in range(MANY))
    assert {key: pytest.approx(count / MANY, abs=0.01) for key, count in found.items()} == shares
    assert {choose({"a": 0.0, "b": 0.0}, str(n)) for n in range(9)} == {"b"}


def test_money_has_the_stated_median_and_a_heavy_tail() -> None:
    paid = sorted(amount(28, 1.0, 2_000, str(n)) for n in range(MANY))
    assert float(paid[MANY // 2]) == pytest.approx(28, rel=0.05)
    assert paid[0] > 0
    assert paid[-1] <= 2_000
    richest = sum(paid[-MANY // 10 :])
    assert 0.3 < richest / sum(paid) < 0.5  # a tenth of the people pays more than a third


def test_what_is_done_with_messages_has_the_stated_shares() -> None:
    reading = Reading()
    done = {f"m{n}": reading.acts(f"m{n}", persuaded=False) for n in range(MANY)}
    assert done == {m: reading.acts(m, persuaded=False) for m in done}
    bounced = [m for m in done if reading.report(m, persuaded=False) == "bounce_hard"]
    assert len(bounced) / MANY == pytest.approx(reading.bounced, abs=0.003)
    assert all(done[m] == [] for m in bounced)
    left = {m: acts for m, acts in done.items() if m not in set(bounced)}
    assert _share(left, lambda a: a.agent == "scanner" and a.all_links) == pytest.approx(reading.scanned, abs=0.01)
    assert _share(left, lambda a: a.agent == "apple_privacy") == pytest.approx(0.4, abs=0.01)
    clicked = _share(left, lambda a: a.kind == "click" and a.agent != "scanner")
    assert clicked == pytest.approx(reading.read * reading.clicked, abs=0.01)
    assert _share(left, lambda a: a.kind == "unsubscribe") == pytest.approx(reading.unsubscribed, abs=0.003)
    complained = sum(reading.report(m, persuaded=False) == "complaint" for m in done)
    assert 0 < complained / MANY < 0.003
    assert {act.agent for acts in done.values() for act in acts} <= AGENTS.keys()


def _share(done: dict[str, list[Act]], wanted: object) -> float:
    return sum(any(wanted(act) for act in acts) for acts in done.values()) / len(done)  # type: ignore[operator]


def test_who_is_persuaded_has_clicked_and_stays() -> None:
    reading = Reading()
    for n in range(2_000):
        acts = reading.acts(f"m{n}", persuaded=True)
        assert any(act.kind == "click" and act.agent != "scanner" for act in acts)
        assert not any(act.kind == "unsubscribe" for act in acts)
        assert reading.report(f"m{n}", persuaded=True) is None


def test_a_scanner_comes_before_everybody_else() -> None:
    reading = Reading(scanned=1.0)
    acts = [reading.acts(f"m{n}", persuaded=True) for n in range(500)]
    assert all([a.agent for a in found[:2]] == ["scanner", "scanner"] for found in acts)
    assert all(found[-1].agent != "scanner" for found in acts)


def test_purchases_have_the_stated_rates_and_effects() -> None:
    people = [str(n) for n in range(MANY)]
    held_out = [TRUTH.buys("offer", "holdout", p, sent=False) for p in people]
    assert sum(held_out) / MANY == pytest.approx(0.06, abs=0.006)
    for arm, effect in {"plain": 0.05, "question": 0.1}.items():
        bought = [TRUTH.buys("offer", arm, p, sent=True) for p in people]
        assert sum(bought) / MANY - sum(held_out) / MANY == pytest.approx(effect, abs=0.007)
        because = [TRUTH.is_persuaded("offer", arm, p) for p in people]
        assert [b and not h for b, h in zip(bought, held_out, strict=True)] == because
    assert [TRUTH.buys("another", "x", p, sent=True) for p in people] != held_out  # drawn by campaign


def uplift(part: str, people: int, *, campaign: str = "offer", breakdown: str = "variant") -> dict[str, Any]:
    return {
        "campaign": campaign, "breakdown": breakdown, "part": part, "measure": "conversion", "people": people,
        "control_people": 300, "difference": 0.0712, "difference_low": 0.021, "difference_high": 0.12,
    }  # fmt: skip


def test_what_was_found_is_told_beside_what_is_true() -> None:
    whole = uplift("", 400, breakdown="all")
    rows = [whole, uplift("plain", 100), uplift("question", 300), uplift("loyal", 50, breakdown="segment"),
            uplift("", 9, campaign="unknown", breakdown="all"), whole | {"measure": "revenue"}]  # fmt: skip
    assert true_uplift(TRUTH, rows[1], rows) == 0.05
    assert true_uplift(TRUTH, whole, rows) == pytest.approx((100 * 0.05 + 300 * 0.1) / 400)
    words = uplift_in_words(TRUTH, rows)
    assert len(words) == 3
    assert words[0] == (
        "offer: +7.1 points more buyers among 400 people than among 300 held out, +2.1 to +12.0 with 95 % confidence; "
        "simulated with a true uplift of +8.8 points"
    )
    assert words[2].startswith("offer, variant question: ")
    assert words[2].endswith("a true uplift of +10.0 points")


def test_an_arm_that_the_simulation_does_not_know_has_no_truth() -> None:
    whole = uplift("", 400, breakdown="all")
    rows = [whole, uplift("plain", 100), uplift("other", 300)]
    assert [true_uplift(TRUTH, row, rows) for row in rows] == [None, 0.05, None]
    alone = Truth(base=0.1, effects={"offer": {"": 0.02}})
    assert true_uplift(alone, whole, [whole]) == 0.02
    assert true_uplift(TRUTH, whole, [whole]) is None


def test_a_landing_file_is_the_same_each_time_and_all_of_it_is_marked(tmp_path: Path) -> None:
    people = [Person(campaign="offer", arm="plain", customer_ref=str(n), sent=n % 4 > 0) for n in range(2_000)]
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    wrote = write_purchases(first, people, TRUTH, SPAN, currency="USD")
    assert write_purchases(second, people[::-1], TRUTH, SPAN, currency="USD") == wrote
    assert first.read_bytes() == second.read_bytes()
    rows = list(csv.DictReader(first.open()))
    assert len(rows) == wrote > 100
    assert {row["is_simulated"] for row in rows} == {"true"}
    assert len({row["order_id"] for row in rows}) == wrote
    times = [dt.datetime.fromisoformat(row["ordered_at"]) for row in rows]
    assert SPAN[0] <= min(times) <= max(times) < SPAN[1]
    assert (max(times) - min(times)).total_seconds() > 100
    assert {f.name for f in tmp_path.iterdir()} == {"a.csv", "b.csv"}


def test_the_source_marks_orders_whatever_the_file_says() -> None:
    source = next(s for s in find_sources().good if s.name == "simulated_orders")
    mapped = source.records["orders"].columns["is_simulated"]
    assert mapped.constant == "true"
    assert source.schedule is None


def test_only_links_to_the_edge_service_are_taken() -> None:
    mail = _mail(
        f"""<img src="{EDGE}/o/abc.gif"><img src="https://elsewhere.example/o/abc.gif">
        <a href="{EDGE}/c/one/x">1</a><a href='{EDGE}/c/two/x?a=1&amp;b=2'>2</a><a href="{EDGE}/c/one/x">1</a>
        <a href="https://shop.example.com/">shop</a><a href="{EDGE}.evil.example/c/x/y">no</a>
        <a href="{EDGE}/u/token">leave</a><a>none</a><a href="{EDGE}/c""",
        f"<{EDGE}/u/token>",
    )
    found = handles(mail, EDGE)
    assert found.message_id == "42@example.com"
    assert found.pixel == f"{EDGE}/o/abc.gif"
    assert found.clicks == (f"{EDGE}/c/one/x", f"{EDGE}/c/two/x?a=1&b=2")
    assert found.unsubscribe == f"{EDGE}/u/token"


def test_a_mail_without_anything_to_do() -> None:
    plain = EmailMessage()
    plain.set_content("hello")
    found = handles(plain.as_bytes(), EDGE)
    assert (found.message_id, found.pixel, found.clicks, found.unsubscribe) == ("", None, (), None)
    assert handles(_mail("<p>x", "<https://elsewhere.example/u/x>"), EDGE).unsubscribe is None


def _mail(html: str, leave: str) -> bytes:
    mail = EmailMessage()
    mail["Message-ID"] = "<42@example.com>"
    mail["List-Unsubscribe"] = leave
    mail.set_content("text")
    mail.add_alternative(html, subtype="html")
    return mail.as_bytes()
