"""Planning against PostgreSQL: who gets it, who does not and why, and that a second time changes nothing."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from campaign_shop import DAY, Desk, People, add_customer, add_order, fresh, suppress, write_campaign
from marketflow.campaigns import Campaign
from marketflow.campaigns.policy import OUTCOMES
from marketflow.shared import DefinitionError
from marketflow.shared.ids import send_key


def test_everybody_has_an_outcome(desk: Desk, five: People, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["thank_you"])
    assert (plan.state, plan.audience, plan.planned) == ("planned", 5, 1)
    assert set(plan.refusals) < set(OUTCOMES)
    assert plan.refusals == {"no_consent": 2, "no_contact_point": 1, "suppressed": 1}
    who = {customer: name for name, (customer, _) in five.items()}
    assert {who[c]: o for c, o in desk.outcomes(plan.plan_id).items()} == {
        "Ada": "planned", "Bo": "no_contact_point", "Cy": "no_consent", "Di": "no_consent", "Ed": "suppressed",
    }  # fmt: skip
    assert desk.ledger() == [(five["Ada"][0], plan.plan_id, "planned")]


def test_the_row_says_all_that_sending_needs(desk: Desk, five: People, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["thank_you"])
    [row] = desk.rows(
        "SELECT campaign, occasion, contact_point_id, channel, step, purpose, priority, definition_version,"
        " expires_at - send_after, is_simulated, is_test, message_id FROM activation.sends"
    )
    version = campaigns["thank_you"].definition_version
    assert row[:-1] == (
        "thank_you", "2017-12-31", five["Ada"][1], "email", 0, "marketing", 50, version, dt.timedelta(days=2), True, False,
    )  # fmt: skip
    assert row[-1] == f"{send_key('thank_you', '2017-12-31', five['Ada'][1] or 0, 'email', 0)}@example.com"
    [(definition, state, planned)] = desk.rows(
        "SELECT definition, state, planned FROM activation.plans WHERE plan_id = %s", plan.plan_id
    )
    assert (state, planned) == ("planned", 1)
    assert definition["campaign"]["name"] == "thank_you"
    assert definition["templates"]["shared"]["layout.html"]


def test_products_go_with_the_basket_and_are_not_in_it(
    desk: Desk, five: People, campaigns: dict[str, Campaign]
) -> None:
    """By lift times confidence: 4 before 3; 2 is in the basket, 8 is not to be recommended; then what suits her."""
    ada = five["Ada"][0]
    desk.conn.cursor().executemany(
        "INSERT INTO marts.product_recommendations VALUES (%s, %s, %s, 'x', %s, 'r', 1, 'discover')",
        [(ada, 1, 4, 0.9), (ada, 2, 1, 0.8), (ada, 3, 7, 0.7), (ada, 4, 6, 0.6), (ada, 5, 5, 0.5)],
    )
    desk.plan(campaigns["thank_you"])
    assert desk.rows("SELECT content FROM activation.sends") == [({"product_ids": [4, 3, 7, 6]},)]


@pytest.mark.usefixtures("five")
def test_two_products_of_one_name_are_shown_once(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    desk.conn.execute("UPDATE marts.products SET product_name = 'Milk' WHERE product_id IN (3, 4)")
    desk.plan(campaigns["thank_you"])
    assert desk.rows("SELECT content FROM activation.sends") == [({"product_ids": [4]},)]


def test_a_second_plan_finds_everybody_settled(desk: Desk, five: People, campaigns: dict[str, Campaign]) -> None:
    first = desk.plan(campaigns["thank_you"])
    desk.conn.execute("UPDATE activation.sends SET state = 'sent', settled_at = planned_at")
    late = add_customer(desk.conn, "Flo")[0]
    add_order(desk.conn, late, [1])
    second = desk.plan(campaigns["thank_you"])
    assert (second.planned, second.refusals["already_planned"]) == (1, 1)
    assert desk.ledger() == [(five["Ada"][0], first.plan_id, "sent"), (late, second.plan_id, "planned")]


@pytest.mark.parametrize(
    "state", ["released", "claimed", "sending", "sent", "failed", "unknown", "deferred", "skipped", "expired"]
)
def test_no_state_after_the_release_is_planned_again(
    desk: Desk, five: People, campaigns: dict[str, Campaign], state: str
) -> None:
    first = desk.plan(campaigns["thank_you"])
    desk.conn.execute(
        "UPDATE activation.sends SET state = %s, reason = 'x', claim_token = gen_random_uuid(), lease_until = send_after",
        [state],
    )
    second = desk.plan(campaigns["thank_you"])
    assert (second.planned, second.refusals["already_planned"]) == (0, 1)
    assert desk.ledger() == [(five["Ada"][0], first.plan_id, state)]


@pytest.mark.usefixtures("five")
def test_another_day_is_another_occasion(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    desk.plan(campaigns["win_back"])
    assert desk.plan(campaigns["win_back"], occasion="spring sale").planned == 1
    assert Counter(o for (o,) in desk.rows("SELECT occasion FROM activation.sends")) == {
        "2017-12-31": 1,
        "spring sale": 1,
    }


def test_the_limit_is_for_the_occasion(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    for name in "abcdef":
        add_customer(desk.conn, name)
    first = desk.plan(campaigns["win_back"], audience_limit=2)
    assert (first.planned, first.refusals) == (2, {"audience_limit": 4})
    chosen = {c for c, _, _ in desk.ledger()}
    again = desk.plan(campaigns["win_back"], audience_limit=2)
    assert (again.planned, {c for c, _, _ in desk.ledger()}) == (2, chosen)
    desk.conn.execute("UPDATE activation.sends SET state = 'sent'")
    assert desk.plan(campaigns["win_back"], audience_limit=2).refusals == {"already_planned": 2, "audience_limit": 4}
    assert desk.plan(campaigns["win_back"], audience_limit=5).planned == 3


@pytest.mark.usefixtures("five")
def test_a_dry_run_leaves_the_ledger_alone(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["thank_you"], dry_run=True)
    assert (plan.planned, len(plan.samples), plan.dry_run) == (1, 1, True)
    assert desk.ledger() == []
    assert desk.rows("SELECT is_dry_run FROM activation.plans") == [(True,)]
    assert len(desk.outcomes(plan.plan_id)) == 5
    desk.plan(campaigns["weekly_bestsellers"], dry_run=True)
    assert desk.rows("SELECT count(*) FROM core.contact_points WHERE channel = 'webhook'") == [(0,)]


@pytest.mark.usefixtures("five")
def test_stale_data_refuse_the_plan(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    fresh(desk.conn, DAY - dt.timedelta(days=1))
    plan = desk.plan(campaigns["thank_you"])
    assert (plan.state, plan.planned, plan.refusals) == ("refused", 0, {"stale_data": 5})
    assert "marts.customer_days knows what happened until 2017-12-30" in (plan.reason or "")
    assert "2017-12-31" in (plan.reason or "")
    assert desk.ledger() == []
    assert desk.outcomes(plan.plan_id) == {}


@pytest.mark.usefixtures("five")
def test_a_table_that_was_never_built_is_stale(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    desk.conn.execute("DELETE FROM ops.table_freshness")
    assert "until no day at all" in (desk.plan(campaigns["win_back"]).reason or "")


def test_an_old_day_is_refused_and_counted(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    """A corrected file for last week must not thank anybody for last week."""
    old = DAY - dt.timedelta(days=3)
    add_order(desk.conn, add_customer(desk.conn, "Ada")[0], [1], old)
    plan = desk.plan(campaigns["thank_you"], business_date=old)
    assert (plan.state, plan.refusals) == ("refused", {"occasion_too_old": 1})
    assert "2017-12-28 is 3 days before the business day 2017-12-31" in (plan.reason or "")
    assert desk.rows("SELECT state, reason FROM activation.plans") == [("refused", plan.reason)]
    assert desk.ledger() == []
    add_order(desk.conn, 1, [1], old + dt.timedelta(days=1))
    assert desk.plan(campaigns["thank_you"], business_date=old + dt.timedelta(days=1)).state == "planned"


@pytest.mark.parametrize("day", [dt.date.min, dt.date.max])
@pytest.mark.parametrize(
    "rule", ["did('order', days => 400)", "got_campaign(days => 400)", "in_segment('x', days => 400)"]
)
def test_the_first_and_the_last_day_that_a_form_takes_are_refused_like_others(
    desk: Desk, campaigns: dict[str, Campaign], day: dt.date, rule: str
) -> None:
    audience = campaigns["win_back"].audience.model_copy(update={"where": rule})
    plan = desk.plan(campaigns["win_back"].model_copy(update={"audience": audience}), business_date=day)
    assert plan.refusals == {"occasion_too_old" if day == dt.date.min else "stale_data": 0}


@pytest.mark.usefixtures("five")
def test_a_day_that_has_not_come_is_refused(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    assert desk.plan(campaigns["win_back"], business_date=DAY + dt.timedelta(days=1)).refusals == {"stale_data": 5}


def test_nobody_to_write_to_is_a_plan_too(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["thank_you"])
    assert (plan.state, plan.audience, plan.planned, plan.samples) == ("planned", 0, 0, [])


def test_customers_who_share_an_address_get_one_message(
    desk: Desk, five: People, campaigns: dict[str, Campaign]
) -> None:
    desk.conn.execute("UPDATE marts.customer_360 SET email_contact_point_id = %s", [five["Ada"][1]])
    plan = desk.plan(campaigns["thank_you"])
    assert (plan.planned, plan.refusals) == (1, {"shared_contact_point": 4})


def test_an_unsubscription_stops_marketing_and_not_the_order_s_own_mails(
    desk: Desk, five: People, campaigns: dict[str, Campaign], tmp_path: Path
) -> None:
    suppress(desk.conn, five["Ada"][1] or 0, "unsubscribed")
    assert desk.plan(campaigns["thank_you"]).planned == 0
    text = Path("include/campaigns/thank_you/campaign.yaml").read_text().replace("name: thank_you", "name: receipt")
    receipt = write_campaign(
        tmp_path / "receipt",
        yaml=re.sub(r"(?m)^topic:.*\n", "", text).replace("purpose: marketing", "purpose: transactional"),
        subject="Receipt",
        text="Hello",
    )
    who = {c: n for n, (c, _) in five.items()}
    outcomes = {who[c]: o for c, o in desk.outcomes(desk.plan(receipt).plan_id).items()}
    assert outcomes == {
        "Ada": "planned",
        "Bo": "no_contact_point",
        "Cy": "planned",
        "Di": "planned",
        "Ed": "suppressed",
    }


def test_an_address_that_is_gone_is_none(desk: Desk, five: People, campaigns: dict[str, Campaign]) -> None:
    """Also while the marts still name it."""
    ada, point = five["Ada"]
    desk.conn.execute("UPDATE core.contact_points SET address = '' WHERE contact_point_id = %s", [point])
    plan = desk.plan(campaigns["thank_you"])
    assert desk.outcomes(plan.plan_id)[ada] == "no_contact_point"


@pytest.mark.parametrize("occasion", ["", "x" * 81, "a\nb"])
def test_an_occasion_is_a_short_printable_name(desk: Desk, campaigns: dict[str, Campaign], occasion: str) -> None:
    with pytest.raises(DefinitionError, match="occasion"):
        desk.plan(campaigns["win_back"], occasion=occasion)


def test_marts_that_do_not_know_of_a_merge_yet_write_to_nobody_twice(
    shop: psycopg.Connection, campaigns: dict[str, Campaign], desk: Desk
) -> None:
    """Two customers turn out to be one after the first got the message, and while both are in the audience."""
    (one, _), (five, point), (six, _) = (add_customer(shop, "Ada", segment=s) for s in ("at_risk", "loyal", "loyal"))
    assert desk.plan(campaigns["win_back"]).planned == 1
    shop.execute("UPDATE activation.sends SET state = 'sent', settled_at = planned_at, released_at = planned_at")
    shop.execute("UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [one, five])
    shop.execute("UPDATE marts.customer_360 SET segment = 'at_risk'")
    again = desk.plan(campaigns["win_back"])
    assert desk.outcomes(again.plan_id) == {one: "already_planned", five: "already_planned", six: "planned"}
    shop.execute("DELETE FROM activation.sends")
    both = desk.plan(campaigns["win_back"])
    assert desk.outcomes(both.plan_id) == {one: "planned", five: "already_planned", six: "planned"}
    shop.execute("DELETE FROM activation.sends")
    shop.execute("UPDATE marts.customer_360 SET email_contact_point_id = NULL WHERE customer_id = %s", [one])
    moved = desk.plan(campaigns["win_back"])
    assert desk.outcomes(moved.plan_id) == {one: "no_contact_point", five: "planned", six: "planned"}
    assert desk.rows("SELECT count(*) FROM activation.sends WHERE contact_point_id = %s", point) == [(1,)]
