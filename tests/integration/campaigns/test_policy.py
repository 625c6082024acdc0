"""The contact policy at planning: who is drawn never to get it, who has had enough, whose night it is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import psycopg
import pytest

from campaign_shop import RING, Desk, add_customer, suppress
from marketflow.campaigns import Campaign, ContactPolicy, decide, rehearse, release
from marketflow.shared import Clock, settings

CAP = ContactPolicy.model_validate({"frequency_caps": [{"messages": 2, "days": 7}]})
NIGHT = ContactPolicy.model_validate({"quiet_hours": [{"from": "21:00", "to": "8:00"}]})
HALF = ContactPolicy.model_validate({"holdout": {"share": 0.5, "salt": "a test's"}})
EARLIER = """
INSERT INTO activation.sends (
    campaign, occasion, contact_point_id, channel, plan_id, customer_id, purpose, state, reason, priority, send_after,
    expires_at, definition_version, message_id, planned_at, sending_at, is_test,
    claim_token, lease_until
)
SELECT
    'another', gen_random_uuid()::text, p.contact_point_id, 'email', %(plan)s, %(customer)s, %(purpose)s, %(state)s, 'x',
    %(priority)s, %(now)s, %(now)s::timestamptz + interval '1 day' * %(lives)s, 'v', gen_random_uuid()::text, %(now)s,
    CASE WHEN %(state)s IN ('sending', 'sent', 'unknown') THEN %(now)s::timestamptz - %(ago)s::interval END, %(test)s,
    gen_random_uuid(), %(now)s
FROM core.contact_points AS p WHERE p.customer_id = %(customer)s
"""


def earlier(desk: Desk, customer: int, *, times: int = 2, **said: Any) -> None:
    """Messages of another campaign that this person got, or is to get."""
    plan = desk.conn.execute(
        "INSERT INTO activation.plans (campaign, occasion, channel, definition_version, definition, is_dry_run, state,"
        " business_date, planned_at) VALUES ('another', 'x', 'email', 'v', '{}', false, 'released', '2017-12-31', %s)"
        " RETURNING plan_id",
        [desk.clock.now()],
    ).fetchone()
    values = {"state": "sent", "priority": 100, "purpose": "marketing", "ago": "1 day", "lives": 1, "test": False}
    for _ in range(times):
        desk.conn.execute(EARLIER, {**values, **said, "plan": plan[0], "customer": customer, "now": desk.clock.now()})
    desk.conn.commit()


def outcome(desk: Desk, campaign: Campaign, customer: int, policy: ContactPolicy = CAP, **options: Any) -> str:
    return desk.outcomes(desk.plan(campaign, policy=policy, dry_run=True, **options).plan_id)[customer]


@pytest.fixture
def ada(desk: Desk) -> int:
    customer, _ = add_customer(desk.conn, "Ada")
    desk.conn.commit()
    return customer


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, "frequency_cap"),
        ({"times": 1}, "planned"),
        ({"state": "unknown"}, "frequency_cap"),
        ({"state": "sending"}, "frequency_cap"),
        ({"ago": "6 days 23:59"}, "frequency_cap"),
        ({"ago": "7 days 00:01"}, "planned"),
        ({"state": "failed"}, "planned"),
        ({"state": "skipped"}, "planned"),
        ({"state": "cancelled"}, "planned"),
        ({"purpose": "transactional"}, "planned"),
        ({"test": True}, "planned"),
        # what other campaigns have promised counts when they go first, or were there before with the same right
        ({"state": "released"}, "frequency_cap"),
        ({"state": "planned"}, "frequency_cap"),
        ({"state": "deferred", "priority": 1}, "frequency_cap"),
        ({"state": "released", "priority": 101}, "planned"),
        ({"state": "released", "lives": -1}, "planned"),
    ],
)
def test_what_counts_for_a_cap(desk: Desk, campaigns: dict[str, Campaign], ada: int, said: Any, expected: str) -> None:
    earlier(desk, ada, **said)
    win_back = campaigns["win_back"].model_copy(update={"priority": 100})
    assert outcome(desk, win_back, ada) == expected


@pytest.mark.usefixtures("ada")
def test_the_campaign_that_goes_first_takes_the_cap_from_one_that_was_planned_before(
    desk: Desk, campaigns: dict[str, Campaign]
) -> None:
    one = ContactPolicy.model_validate({"frequency_caps": [{"messages": 1, "days": 7}]})
    low, high = (
        campaigns["win_back"].model_copy(update={"name": n, "priority": p}) for n, p in (("low", 200), ("high", 50))
    )
    assert desk.plan(low, policy=one).planned == 1
    assert desk.plan(high, policy=one).planned == 1, "what stands behind it takes nothing from it"
    assert desk.plan(low, policy=one, occasion="another").refusals == {"frequency_cap": 1}


def test_a_plan_that_is_made_again_does_not_count_its_own_rows(
    desk: Desk, campaigns: dict[str, Campaign], ada: int
) -> None:
    one = ContactPolicy.model_validate({"frequency_caps": [{"messages": 1, "days": 7}]})
    first = desk.plan(campaigns["win_back"], policy=one)
    again = desk.plan(campaigns["win_back"], policy=one)
    assert (first.planned, again.planned) == (1, 1)
    decide(desk.conn, again.plan_id, approved=False, by="bo", clock=desk.clock)
    assert outcome(desk, campaigns["win_back"], ada, one, occasion="another") == "planned", "rejected is not promised"


def test_customers_who_turned_out_to_be_one_share_a_cap(desk: Desk, campaigns: dict[str, Campaign], ada: int) -> None:
    other, _ = add_customer(desk.conn, "Ada L.")
    earlier(desk, other, times=1)
    earlier(desk, ada, times=1)
    assert outcome(desk, campaigns["win_back"], ada) == "planned"
    desk.conn.execute("UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [ada, other])
    desk.conn.execute("DELETE FROM marts.customer_360 WHERE customer_id = %s", [other])
    assert outcome(desk, campaigns["win_back"], ada) == "frequency_cap"


def test_of_several_caps_each_holds(desk: Desk, campaigns: dict[str, Campaign], ada: int) -> None:
    policy = ContactPolicy.model_validate(
        {"frequency_caps": [{"messages": 9, "days": 7}, {"messages": 3, "days": 30}, {"messages": 2, "days": 1}]}
    )
    earlier(desk, ada, times=1, ago="2 hours")
    earlier(desk, ada, times=1, ago="20 days")
    assert outcome(desk, campaigns["win_back"], ada, policy) == "planned"
    earlier(desk, ada, times=1, ago="20 days")
    assert outcome(desk, campaigns["win_back"], ada, policy) == "frequency_cap"


def test_a_cap_of_a_channel_is_about_that_channel(desk: Desk, campaigns: dict[str, Campaign], ada: int) -> None:
    policy = ContactPolicy.model_validate({"frequency_caps": [{"messages": 1, "days": 7, "channels": ["mastodon"]}]})
    earlier(desk, ada)
    assert outcome(desk, campaigns["win_back"], ada, policy) == "planned"


def test_consent_and_suppression_are_told_before_the_policy(
    desk: Desk, campaigns: dict[str, Campaign], ada: int
) -> None:
    cy, _ = add_customer(desk.conn, "Cy", consent=False)
    ed, point = add_customer(desk.conn, "Ed")
    suppress(desk.conn, point or 0)
    for customer in (ada, cy, ed):
        earlier(desk, customer)
    everybody = ContactPolicy.model_validate({**CAP.definition, "holdout": {"share": 0.5, "salt": "x"}})
    plan = desk.plan(campaigns["win_back"], policy=everybody, dry_run=True)
    outcomes = desk.outcomes(plan.plan_id)
    assert (outcomes[cy], outcomes[ed]) == ("no_consent", "suppressed")
    assert plan.planned + sum(plan.refusals.values()) == plan.audience == 3


def test_the_same_people_are_held_out_of_all_campaigns_and_none_of_them_has_a_row_in_the_ledger(
    desk: Desk, campaigns: dict[str, Campaign]
) -> None:
    customers = [add_customer(desk.conn, None)[0] for _ in range(60)]
    desk.conn.commit()
    held: list[set[int]] = []
    for name in ("one", "two"):
        campaign = campaigns["win_back"].model_copy(update={"name": name})
        plan = desk.plan(campaign, policy=HALF)
        held.append({c for c, o in desk.outcomes(plan.plan_id).items() if o == "holdout"})
        assert plan.refusals == {"holdout": len(held[-1])}
    assert held[0] == held[1]
    assert 10 < len(held[0]) < 50
    assert {c for c, *_ in desk.ledger()} == set(customers) - held[0]


def test_who_turned_out_to_be_held_out_stays_so(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    customers = [add_customer(desk.conn, None)[0] for _ in range(20)]
    desk.conn.commit()
    before = desk.outcomes(desk.plan(campaigns["win_back"], policy=HALF, dry_run=True).plan_id)
    out = next(c for c in customers if before[c] == "holdout")
    in_ = next(c for c in customers if before[c] == "planned")
    # the marts still know both: each counts as the one who is left
    desk.conn.execute("UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [out, in_])
    after = desk.outcomes(desk.plan(campaigns["win_back"], policy=HALF, dry_run=True).plan_id)
    assert (after[out], after[in_]) == ("holdout", "already_planned")


def test_nobody_is_held_out_of_what_is_about_an_order(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    for _ in range(20):
        add_customer(desk.conn, None)
    desk.conn.commit()
    receipt = campaigns["win_back"].model_copy(update={"purpose": "transactional"})
    assert desk.plan(receipt, policy=HALF, dry_run=True).refusals == {}


class Standing(Clock):
    """Eleven at night in Shanghai, ten in the morning in New York."""

    def now(self) -> dt.datetime:
        return dt.datetime(2018, 1, 1, 15, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize("purpose", ["marketing", "transactional"])
def test_it_is_night_in_shanghai_and_day_in_new_york(
    shop: psycopg.Connection, clock: Clock, campaigns: dict[str, Campaign], purpose: str
) -> None:
    desk = Desk(shop, Standing(time_zone=clock.time_zone, pinned_day=clock.pinned_day))
    zones = {"Asia/Shanghai": dt.datetime(2018, 1, 2, 0, 0, tzinfo=dt.UTC), "America/New_York": desk.clock.now(),
             "Nowhere/Atall": desk.clock.now()}  # fmt: skip
    for zone in zones:
        customer, _ = add_customer(shop, None)
        shop.execute("UPDATE core.customers SET time_zone = %s WHERE customer_id = %s", [zone, customer])
    shop.commit()
    campaign = campaigns["win_back"].model_copy(update={"purpose": purpose})
    plan = desk.plan(campaign, policy=NIGHT, approval=False)
    assert plan.planned == 3, "deferred, not dropped"
    release(shop, plan.plan_id, clock=desk.clock)
    rows = desk.rows(
        "SELECT u.time_zone, s.send_after, s.state, s.reason FROM activation.sends s JOIN core.customers u USING (customer_id)"
    )
    if purpose == "transactional":
        assert {at for _, at, *_ in rows} == {desk.clock.now()}
        return
    assert {zone: at for zone, at, *_ in rows} == zones
    assert {(zone, reason) for zone, *_, reason in rows if reason} == {("Asia/Shanghai", "quiet_hours")}
    assert {state for *_, state, _ in rows} == {"released"}


@pytest.mark.usefixtures("ada")
def test_a_plan_keeps_the_policy_that_decided(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["win_back"], policy=NIGHT, dry_run=True)
    [(frozen,)] = desk.rows(
        "SELECT definition -> 'contact_policy' FROM activation.plans WHERE plan_id = %s", plan.plan_id
    )
    assert frozen["version"] == NIGHT.version != CAP.version
    assert ContactPolicy.model_validate({k: v for k, v in frozen.items() if k != "version"}) == NIGHT


def test_of_those_who_share_an_address_one_gets_it_who_may(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    """The first of them was drawn never to be written to, or has had enough: the address is not lost for the other."""
    people = [add_customer(desk.conn, None)[0] for _ in range(20)]
    desk.conn.commit()
    before = desk.outcomes(desk.plan(campaigns["win_back"], policy=HALF, dry_run=True).plan_id)
    out = next(c for c in people if before[c] == "holdout")
    in_ = next(c for c in people if before[c] == "planned" and c > out)
    earlier(desk, in_)  # for the second policy: she has had enough, and the first has not
    share(desk, out, in_)
    after = desk.outcomes(desk.plan(campaigns["win_back"], policy=HALF, dry_run=True).plan_id)
    assert (after[out], after[in_]) == ("holdout", "planned")
    capped = desk.outcomes(desk.plan(campaigns["win_back"], policy=CAP, dry_run=True).plan_id)
    assert (capped[out], capped[in_]) == ("planned", "frequency_cap")
    both = desk.outcomes(desk.plan(campaigns["win_back"], dry_run=True).plan_id)
    assert (both[out], both[in_]) == ("planned", "shared_contact_point")


def test_an_address_that_is_shared_counts_once_for_a_limit(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    people = [add_customer(desk.conn, None)[0] for _ in range(6)]
    desk.conn.commit()
    for one, other in (people[:2], people[2:4], people[4:]):
        share(desk, one, other)
    plan = desk.plan(campaigns["win_back"], dry_run=True, audience_limit=2)
    assert (plan.planned, plan.refusals) == (2, {"shared_contact_point": 3, "audience_limit": 1})


def test_a_rehearsal_counts_as_a_plan_would(
    desk: Desk, campaigns: dict[str, Campaign], ada: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form of create_campaign says how many a new campaign would reach today: not those who have had enough."""
    earlier(desk, ada)
    add_customer(desk.conn, "Bo")
    file = tmp_path / "contact_policy.yaml"
    file.write_text("frequency_caps:\n  - {messages: 2, days: 7}\n")
    monkeypatch.setenv("MARKETFLOW_CONTACT_POLICY", str(file))
    settings.cache_clear()
    try:
        found = rehearse(desk.conn, campaigns["win_back"], keys=RING, clock=desk.clock)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert (found.planned, found.refusals) == (1, {"frequency_cap": 1})


class Evening(Clock):
    """Ten at night in New York, seven in Los Angeles."""

    def now(self) -> dt.datetime:
        return dt.datetime(2018, 1, 2, 3, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(("end", "planned"), [(dt.date(2018, 1, 1), 1), (dt.date(2018, 1, 2), 2), (None, 2)])
def test_who_sleeps_until_the_message_expires_is_told_at_once(
    desk: Desk, campaigns: dict[str, Campaign], end: dt.date | None, planned: int
) -> None:
    """The campaign ends at midnight, and in New York it is night until the morning after that."""
    evening = Desk(desk.conn, Evening(time_zone=desk.clock.time_zone, pinned_day=desk.clock.pinned_day))
    people = {zone: add_customer(desk.conn, None)[0] for zone in ("America/New_York", "America/Los_Angeles")}
    for zone, customer in people.items():
        desk.conn.execute("UPDATE core.customers SET time_zone = %s WHERE customer_id = %s", [zone, customer])
    desk.conn.commit()
    campaign = campaigns["win_back"].model_copy(update={"end": end, "max_age_days": 1})
    plan = evening.plan(campaign, policy=NIGHT)
    asleep = "planned" if planned == 2 else "quiet_too_long"
    assert [evening.outcomes(plan.plan_id)[c] for c in people.values()] == [asleep, "planned"]
    assert plan.planned == len(evening.ledger()) == planned
    assert plan.refusals == ({} if planned == 2 else {"quiet_too_long": 1})
    assert evening.rows("SELECT count(*) FROM activation.sends WHERE send_after >= expires_at") == [(0,)]


def share(desk: Desk, first: int, second: int) -> None:
    """Both have the address of the first."""
    desk.conn.execute(
        "UPDATE marts.customer_360 SET email_contact_point_id ="
        " (SELECT email_contact_point_id FROM marts.customer_360 WHERE customer_id = %s) WHERE customer_id = %s",
        [first, second],
    )
    desk.conn.commit()
