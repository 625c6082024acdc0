"""An experiment at planning: who is in which arm, who is held out, what each arm reads, and what may not be changed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from campaign_shop import DAY, RING, Desk, add_customer
from experiment_letter import letter
from marketflow.campaigns import ContactPolicy, decide, lint_campaign, preview, release, to_test
from marketflow.campaigns.content import Renderer
from marketflow.campaigns.content.arms import of_arm
from marketflow.campaigns.definition import load_campaign
from marketflow.campaigns.delivery import DeliveryOptions
from marketflow.campaigns.delivery.ledger import Claim
from marketflow.campaigns.delivery.prepare import Writer, load
from marketflow.shared import DefinitionError


@pytest.fixture
def crowd(desk: Desk) -> list[int]:
    people = [add_customer(desk.conn, f"Ada{i}")[0] for i in range(120)]
    desk.conn.commit()
    return people


def variants(desk: Desk, plan_id: int) -> dict[int, tuple[str | None, str]]:
    rows = desk.rows("SELECT customer_id, variant, outcome FROM activation.plan_members WHERE plan_id = %s", plan_id)
    return {customer: (variant, outcome) for customer, variant, outcome in rows}


@pytest.mark.usefixtures("crowd")
def test_people_are_drawn_into_arms_and_a_holdout_without_a_row_in_the_ledger(desk: Desk, tmp_path: Path) -> None:
    plan = desk.plan(letter(tmp_path))
    assert list(plan.variants) == ["plain", "question", "holdout"]
    assert sum(plan.variants.values()) == plan.audience == 120
    assert plan.refusals == {"experiment_holdout": plan.variants["holdout"]}
    assert plan.planned == plan.variants["plain"] + plan.variants["question"]
    assert 8 < plan.variants["holdout"] < 42
    sent = Counter(v for (v,) in desk.rows("SELECT variant FROM activation.sends"))
    assert sent == {"plain": plan.variants["plain"], "question": plan.variants["question"]}
    members = variants(desk, plan.plan_id)
    assert {outcome for variant, outcome in members.values() if variant == "holdout"} == {"experiment_holdout"}


@pytest.mark.usefixtures("crowd")
def test_the_same_person_is_in_the_same_arm_on_each_occasion_and_in_another_by_another_name(
    desk: Desk, tmp_path: Path
) -> None:
    campaign = letter(tmp_path)
    first, second = (variants(desk, desk.plan(campaign, occasion=o).plan_id) for o in ("one", "two"))
    assert first == second
    other = variants(desk, desk.plan(letter(tmp_path, name="another"), occasion="three").plan_id)
    assert other != first


def test_who_turned_out_to_be_another_one_has_that_ones_arm(desk: Desk, crowd: list[int], tmp_path: Path) -> None:
    campaign = letter(tmp_path)
    before = variants(desk, desk.plan(campaign, dry_run=True).plan_id)
    left = next(c for c in crowd if before[c][0] == "plain")
    gone = next(c for c in crowd if before[c][0] == "question")
    desk.conn.execute("UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [left, gone])
    after = variants(desk, desk.plan(campaign, dry_run=True).plan_id)
    assert after[left] == ("plain", "planned")
    assert after[gone] == (None, "already_planned")
    # the marts of tomorrow may know only the number that is gone
    desk.conn.execute("DELETE FROM marts.customer_360 WHERE customer_id = %s", [left])
    assert variants(desk, desk.plan(campaign, dry_run=True).plan_id)[gone] == ("plain", "planned")


def test_only_who_would_get_it_is_drawn(desk: Desk, crowd: list[int], tmp_path: Path) -> None:
    silent = [add_customer(desk.conn, None, consent=False)[0] for _ in range(20)]
    plan = desk.plan(letter(tmp_path), audience_limit=50)
    members = variants(desk, plan.plan_id)
    assert {members[c] for c in silent} == {(None, "no_consent")}
    assert sum(plan.variants.values()) == 50
    assert plan.refusals["audience_limit"] == len(crowd) - 50
    assert plan.planned + sum(plan.refusals.values()) == plan.audience


@pytest.mark.usefixtures("crowd")
def test_the_holdout_of_all_campaigns_comes_first(desk: Desk, tmp_path: Path) -> None:
    half = ContactPolicy.model_validate({"holdout": {"share": 0.5, "salt": "a test's"}})
    plan = desk.plan(letter(tmp_path), policy=half)
    assert plan.refusals["holdout"] + sum(plan.variants.values()) == plan.audience
    assert plan.variants["holdout"] == plan.refusals["experiment_holdout"]


@pytest.mark.usefixtures("crowd")
def test_each_arm_is_shown_before_it_is_approved_and_checked(desk: Desk, tmp_path: Path) -> None:
    plan = desk.plan(letter(tmp_path), dry_run=True)
    assert {(s["arm"], s["subject"]) for s in plan.samples} == {("plain", "Hello"), ("question", "Have you seen this?")}
    (tmp_path / "letter/arms/question/subject.txt").write_text("{{ nobody_knows_this }}")
    refused = desk.plan(load_campaign(tmp_path / "letter"), dry_run=True)
    assert refused.state == "refused"
    assert (refused.reason or "").startswith("arm question: letter/subject.txt:1")


@pytest.mark.usefixtures("crowd")
def test_a_preview_shows_each_arm_and_the_lint_says_of_which_a_fault_is(desk: Desk, tmp_path: Path) -> None:
    campaign = letter(tmp_path)
    html = preview(campaign, day=DAY, conn=desk.conn, keys=RING).html
    assert (
        html.index("arm plain") < html.index("Hello") < html.index("arm question") < html.index("Have you seen this?")
    )
    (tmp_path / "letter/arms/question/subject.txt").write_text("x" * 200)
    assert [str(f) for f in lint_campaign(load_campaign(tmp_path / "letter"), DAY) if "(arm question)" in f.words]


@pytest.mark.usefixtures("crowd")
def test_test_messages_are_of_each_arm(desk: Desk, tmp_path: Path) -> None:
    plan = desk.plan(letter(tmp_path), dry_run=True, trial=to_test(["ada@example.com"], actor="bo"))
    assert plan.test_plan_id is not None
    rows = desk.rows("SELECT variant, step FROM activation.sends WHERE plan_id = %s ORDER BY step", plan.test_plan_id)
    assert rows == [("plain", 0), ("question", 1)]
    [(frozen,)] = desk.rows("SELECT definition FROM activation.plans WHERE plan_id = %s", plan.test_plan_id)
    variables = {
        "given_name": None,
        "products": [],
        "brand": "x",
        "business_date": DAY,
        "locale": "en",
        "unsubscribe_url": "u",
    }
    subjects = [Renderer(of_arm(frozen, arm)).render(variables).subject for arm, _ in rows]
    assert subjects == ["[Test] Hello", "[Test] Have you seen this?"]


@pytest.mark.usefixtures("crowd")
def test_a_message_is_written_from_the_templates_of_its_arm(desk: Desk, tmp_path: Path) -> None:
    plan = desk.plan(letter(tmp_path), approval=False)
    release(desk.conn, plan.plan_id, clock=desk.clock)
    token = "00000000-0000-0000-0000-000000000001"
    desk.conn.execute(
        "UPDATE activation.sends SET state = 'claimed', claim_token = %s, lease_until = %s", [token, desk.clock.now()]
    )
    ids = [i for (i,) in desk.rows("SELECT send_id FROM activation.sends")]
    rows = load(desk.conn, Claim(token=token, send_ids=ids))  # type: ignore[arg-type]
    options = DeliveryOptions(edge_url="https://edge.test", brand="Test Shop")
    writer = Writer(desk.conn, "email", keys=RING, clock=desk.clock, options=options, renderer=Renderer)
    written = {(row.variant, message.subject) for row in rows if (message := writer.prepare(row).message)}
    assert written == {("plain", "Hello"), ("question", "Have you seen this?")}
    assert writer._plan.cache_info().misses == 2, "a renderer is made once for an arm, not once for a message"


@pytest.mark.usefixtures("crowd")
def test_the_allocation_of_an_experiment_that_people_are_in_cannot_be_changed(desk: Desk, tmp_path: Path) -> None:
    first = desk.plan(letter(tmp_path), occasion="one", approval=False)
    release(desk.conn, first.plan_id, clock=desk.clock)
    changed = letter(tmp_path, plain=60, question=20)
    for dry_run in (True, False):
        plan = desk.plan(changed, occasion="two", dry_run=dry_run)
        assert (plan.state, plan.refusals) == ("refused", {"experiment_changed": 120})
        assert "runs since" in (plan.reason or "")
        assert "plain 40 %, question 40 %, holdout 20 % and is plain 60 %, question 20 %, holdout 20 % now" in str(
            plan.reason
        )
        assert "Give the experiment a new name" in (plan.reason or "")
    assert desk.plan(letter(tmp_path, plain=60, question=20, name="again"), occasion="two").state == "planned"
    assert desk.plan(letter(tmp_path), occasion="three").state == "planned", "put back, it goes on"


@pytest.mark.usefixtures("crowd")
def test_before_anybody_is_in_it_the_allocation_may_be_changed(desk: Desk, tmp_path: Path) -> None:
    rejected = desk.plan(letter(tmp_path))
    decide(desk.conn, rejected.plan_id, approved=False, by="bo", clock=desk.clock)
    plan = desk.plan(letter(tmp_path, plain=60, question=20))
    assert plan.state == "planned", plan.reason
    [(shares,)] = desk.rows("SELECT definition -> 'shares' FROM activation.experiments")
    assert shares == [["plain", 60], ["question", 20], ["holdout", 20]]


@pytest.mark.usefixtures("crowd")
def test_who_decides_and_when_may_be_changed_midway_and_no_window(desk: Desk, tmp_path: Path) -> None:
    meant = "SELECT definition ->> 'winner', definition ->> 'window_days' FROM activation.experiments"
    first = desk.plan(letter(tmp_path), occasion="one", approval=False)
    release(desk.conn, first.plan_id, clock=desk.clock)
    other = letter(tmp_path, winner="none").model_copy(update={"attribution_days": 3})
    plan = desk.plan(other, occasion="two", dry_run=True)
    assert any("it is judged as it began, with attribution_days 14" in w for w in plan.warnings)
    assert desk.rows(meant) == [("auto", "14")]
    assert desk.plan(other, occasion="two").state == "planned"
    assert desk.rows(meant) == [("none", "14")]


@pytest.mark.usefixtures("crowd")
def test_templates_that_are_changed_midway_are_told(desk: Desk, tmp_path: Path) -> None:
    first = desk.plan(letter(tmp_path), occasion="one", approval=False)
    assert not any("changed since it began" in w for w in first.warnings)
    release(desk.conn, first.plan_id, clock=desk.clock)
    assert not any("changed since it began" in w for w in desk.plan(letter(tmp_path), occasion="two").warnings)
    (tmp_path / "letter/arms/question/subject.txt").write_text("Another question?")
    plan = desk.plan(load_campaign(tmp_path / "letter"), occasion="three", dry_run=True)
    assert plan.state == "planned"
    assert any("changed since it began" in w for w in plan.warnings)


@pytest.mark.usefixtures("crowd")
def test_a_dry_run_begins_no_experiment(desk: Desk, tmp_path: Path) -> None:
    desk.plan(letter(tmp_path), dry_run=True)
    assert desk.rows("SELECT * FROM activation.experiments") == []


@pytest.mark.usefixtures("crowd")
def test_after_a_decision_all_but_the_holdout_get_the_winner(desk: Desk, tmp_path: Path) -> None:
    campaign = letter(tmp_path)
    first = desk.plan(campaign, occasion="one")
    before = variants(desk, first.plan_id)
    desk.conn.execute(
        "UPDATE activation.experiments SET decided_at = %s, winner = 'question', reason = 'x'", [desk.clock.now()]
    )
    plan = desk.plan(campaign, occasion="two")
    after = variants(desk, plan.plan_id)
    assert (plan.winner, set(plan.variants)) == ("question", {"question", "holdout"})
    assert {c for c, (v, _) in after.items() if v == "holdout"} == {c for c, (v, _) in before.items() if v == "holdout"}
    assert {v for v, _ in after.values()} == {"question", "holdout"}
    assert {s["subject"] for s in plan.samples} == {"Have you seen this?"}


@pytest.mark.usefixtures("crowd")
def test_a_plan_that_is_made_again_keeps_the_arms_in_the_ledger(desk: Desk, tmp_path: Path) -> None:
    desk.plan(letter(tmp_path, holdout=0, plain=50, question=50))
    before = dict(desk.rows("SELECT customer_id, variant FROM activation.sends"))
    first = desk.rows("SELECT plan_id FROM activation.plans")[-1][0]
    decide(desk.conn, first, approved=False, by="bo", clock=desk.clock)
    desk.plan(letter(tmp_path, name="another", holdout=0, plain=50, question=50))
    after = dict(desk.rows("SELECT customer_id, variant FROM activation.sends"))
    assert before.keys() == after.keys()
    assert before != after, "drawn anew for the new name, and the ledger says so"
    members = {c: v for c, (v, _) in variants(desk, first + 1).items()}
    assert members == after


def test_one_subject_for_all_arms_of_a_test_of_subjects_is_refused(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="the experiment compares subjects"):
        desk.plan(letter(tmp_path), subject="For all")


@pytest.mark.usefixtures("crowd")
def test_arms_that_read_the_same_are_told(desk: Desk, tmp_path: Path) -> None:
    letter(tmp_path)
    (tmp_path / "letter/arms/question/subject.txt").write_text("Hello")
    plan = desk.plan(load_campaign(tmp_path / "letter"), dry_run=True)
    assert plan.state == "planned", plan.reason
    assert any("question reads the same as plain" in w for w in plan.warnings)


@pytest.mark.usefixtures("crowd")
def test_a_million_could_be_drawn_in_one_statement(conn: psycopg.Connection) -> None:
    """The shares of many people are the meant ones, whatever the numbers of the customers."""
    drawn = conn.execute(
        "SELECT width_bucket(activation.draw('letter/subject', n), ARRAY[0, 0.2, 0.6]::float8[]), count(*)"
        " FROM generate_series(1, 100000) AS n GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert [abs(count - 100_000 * share) < 600 for (_, count), share in zip(drawn, (0.2, 0.4, 0.4), strict=True)] == [
        True
    ] * 3


@pytest.fixture
def newcomers(desk: Desk, crowd: list[int]) -> list[int]:
    """The same people, who have all registered on the day."""
    desk.conn.cursor().executemany(
        "INSERT INTO core.events (occurred_on, event_id, source, event_type, customer_id, occurred_at, properties)"
        " VALUES (%s, gen_random_uuid(), 'web', 'signed_up', %s, %s, '{}')",
        [(DAY, c, dt.datetime(2017, 12, 31, 17, tzinfo=dt.UTC)) for c in crowd],
    )
    desk.conn.commit()
    return crowd


def test_who_is_held_out_of_an_event_is_not_asked_again(desk: Desk, newcomers: list[int], tmp_path: Path) -> None:
    campaign = letter(tmp_path, trigger="signed_up")
    plan = desk.plan(campaign, approval=False)
    assert plan.variants["holdout"] > 5
    again = desk.plan(campaign, approval=False)  # the first was not released: its run may have died
    assert (again.audience, again.variants) == (len(newcomers), plan.variants)
    release(desk.conn, again.plan_id, clock=desk.clock)
    assert desk.plan(campaign).audience == 0


def test_a_mended_campaign_asks_again_about_those_whom_the_rejected_plan_held_out(
    desk: Desk, newcomers: list[int], tmp_path: Path
) -> None:
    """Else only those who get it would come back, and the arms would no longer be comparable."""
    campaign = letter(tmp_path, trigger="signed_up")
    plan = desk.plan(campaign)
    decide(desk.conn, plan.plan_id, approved=False, by="bo", clock=desk.clock)
    assert desk.plan(campaign).audience == 0
    mended = campaign.model_copy(update={"title": "A better letter"})
    again = desk.plan(mended)
    assert (again.audience, again.variants) == (len(newcomers), plan.variants)
