"""`marketflow audience explain` and `why`: true to what planning does, without a name, and nothing is left behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from campaign_shop import DAY, RING, Desk, People, add_customer
from marketflow.campaigns import Campaign, decide, explain_audience, release, to_test, told, why
from marketflow.campaigns.audience import AudienceRefused
from marketflow.shared import Clock, MarketflowError
from marketflow.warehouse import load_transforms, run_steps

RULE = "segment = 'at_risk' and orders >= 3"
TABLES = ("activation.plans", "activation.plan_members", "activation.sends", "core.contact_points")


def counts(conn: psycopg.Connection) -> list[tuple[int]]:
    return [row for t in TABLES for row in conn.execute(f"SELECT count(*) FROM {t}").fetchall()]


def test_explain_says_what_planning_would_do_and_keeps_nothing(
    shop: psycopg.Connection, five: People, desk: Desk, campaigns: dict[str, Campaign], clock: Clock
) -> None:
    add_customer(shop, "Flo", segment="loyal")
    shop.commit()
    before = counts(shop)
    found = explain_audience(shop, RULE, keys=RING, clock=clock)
    assert counts(shop) == before
    assert shop.execute("SELECT to_regclass('pg_temp.plan_audience'), current_user::text").fetchone() == (
        None,
        "marketflow_owner",
    )
    assert (found.selected, found.customers, found.share, found.day) == (5, 6, 5 / 6, DAY)
    assert (found.cost > 0, found.estimated > 0, found.seconds > 0) == (True, True, True)

    rule = campaigns["win_back"].audience.model_copy(update={"where": RULE})
    planned = desk.plan(campaigns["win_back"].model_copy(update={"audience": rule}), dry_run=True)
    assert (
        (found.planned, found.refusals)
        == (planned.planned, planned.refusals)
        == (1, {"no_consent": 2, "no_contact_point": 1, "suppressed": 1})
    )

    text = "\n".join(told(found))
    assert "Selects    5 of 6 customers (83.3%)." in text
    assert re.search(r"^ +2  no consent +the customer never allowed", text, re.MULTILINE)
    assert {m["customer_id"] for m in found.members} == {customer for customer, _ in five.values()}


def test_explain_shows_ten_of_them_and_nobody_s_name(shop: psycopg.Connection, clock: Clock) -> None:
    names = [f"Guinevere{n}" for n in range(12)]
    for name in names:
        add_customer(shop, name)
    found = explain_audience(shop, RULE, keys=RING, clock=clock)
    assert len(found.members) == 10
    assert {m["name"] for m in found.members} == {"G…"}
    assert found.members == explain_audience(shop, RULE, keys=RING, clock=clock).members
    assert "uinevere" not in "\n".join(told(found))


def test_explain_by_purpose(shop: psycopg.Connection, five: People, clock: Clock) -> None:
    found = explain_audience(shop, RULE, purpose="transactional", keys=RING, clock=clock)
    assert found.selected == len(five)
    # who was never asked may get what her order needs
    assert found.planned is not None
    assert found.planned > 1


def test_explain_says_that_it_is_everybody(shop: psycopg.Connection, clock: Clock) -> None:
    for _ in range(100):
        add_customer(shop, None)
    found = explain_audience(shop, "orders >= 0", keys=RING, clock=clock)
    assert found.planned == 100
    assert "100 of 100 customers (100.0%).  This is everybody." in "\n".join(told(found))


def test_explain_of_stale_data_still_counts(shop: psycopg.Connection, five: People, clock: Clock) -> None:
    shop.execute("DELETE FROM ops.table_freshness")
    found = explain_audience(shop, RULE, keys=RING, clock=clock)
    assert (found.selected, found.planned) == (len(five), None)
    assert "would be refused: marts.customer_360 knows what happened until no day at all" in "\n".join(told(found))


def test_explain_refuses_what_planning_refuses(shop: psycopg.Connection, clock: Clock) -> None:
    with pytest.raises(AudienceRefused, match="did you mean 'segment'"):
        explain_audience(shop, "segmnt = 'x'", keys=RING, clock=clock)
    assert shop.execute("SELECT current_user::text").fetchone() == ("marketflow_owner",)


def test_why_she_got_it_and_why_the_other_did_not(
    shop: psycopg.Connection, five: People, desk: Desk, campaigns: dict[str, Campaign], clock: Clock
) -> None:
    flo, _ = add_customer(shop, "Flo", segment="loyal")
    rule = campaigns["win_back"].audience.model_copy(
        update={"where": "segment = 'at_risk' and (orders >= 3 and did('order', days => 30))"}
    )
    campaign = campaigns["win_back"].model_copy(update={"audience": rule})
    plan = desk.plan(campaign)
    shop.execute("UPDATE activation.sends SET state = 'sent', settled_at = '2018-01-01T12:00:00Z'")

    def reasons(customer: int) -> list[str]:
        return list(why(shop, "win_back", customer, clock=clock))

    head = f"Plan {plan.plan_id} (2017-12-31, version {campaign.definition_version[:12]}, planned): "
    assert reasons(five["Ada"][0]) == [head + "chosen; its message is sent at 2018-01-01 12:00 UTC"]
    assert reasons(five["Cy"][0]) == [
        head + "no_consent - the customer never allowed this purpose, or has withdrawn it"
    ]
    assert reasons(flo) == [
        f"Plan {plan.plan_id} (2017-12-31), the newest, did not choose her.",
        "Its rule, as it is for her on 2017-12-31:",
        "  NO              segment = 'at_risk'   (segment is 'loyal')",
        "  yes             orders >= 3   (orders is 3)",
        "  NO              did('order', days => 30)",
    ]


def test_why_of_who_turned_out_to_be_another_customer(
    shop: psycopg.Connection, five: People, desk: Desk, campaigns: dict[str, Campaign], clock: Clock
) -> None:
    desk.plan(campaigns["win_back"])
    shop.execute("UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [five["Bo"][0], five["Ada"][0]])
    lines = list(why(shop, "win_back", five["Ada"][0], clock=clock))
    assert lines[0] == f"Customer {five['Ada'][0]} turned out to be customer {five['Bo'][0]}."
    assert sum("chosen; its message is planned" in line for line in lines) == 1


def test_why_is_about_the_newest_plan_that_could_send(
    shop: psycopg.Connection, five: People, desk: Desk, campaigns: dict[str, Campaign], clock: Clock
) -> None:
    """Not about a dry run or a test after it, which have another rule, or none of her."""
    flo, _ = add_customer(shop, "Flo", segment="loyal")
    rule = campaigns["win_back"].audience.model_copy(update={"where": "orders > 99"})
    other = campaigns["win_back"].model_copy(update={"audience": rule})
    only = desk.plan(other, dry_run=True)
    assert next(why(shop, "win_back", flo, clock=clock)) == (
        f"Plan {only.plan_id} (2017-12-31, a dry run), the newest, did not choose her."
    )
    plan = desk.plan(campaigns["win_back"])
    desk.plan(other, dry_run=True)
    assert desk.plan(other, trial=to_test(["ada@example.com"], "ada")).test_plan_id is not None
    lines = list(why(shop, "win_back", flo, clock=clock))
    assert lines[0] == f"Plan {plan.plan_id} (2017-12-31), the newest, did not choose her."
    assert lines[-1] == "  NO              segment = 'at_risk'   (segment is 'loyal')"
    [line] = why(shop, "win_back", five["Ada"][0], clock=clock)
    assert line.endswith("chosen; its message is planned")


def test_why_of_a_rejected_plan_does_not_tell_the_next_plan_s_message(
    shop: psycopg.Connection, five: People, desk: Desk, campaigns: dict[str, Campaign], clock: Clock
) -> None:
    first = desk.plan(campaigns["win_back"])
    decide(shop, first.plan_id, approved=False, by="bo", clock=clock)
    version = campaigns["win_back"].definition_version[:12]
    told = f"Plan {first.plan_id} (2017-12-31, version {version}, rejected): chosen"
    assert list(why(shop, "win_back", five["Ada"][0], clock=clock)) == [
        f"{told}; its message is cancelled, plan_rejected"
    ]
    second = desk.plan(campaigns["win_back"], approval=False)
    release(shop, second.plan_id, clock=clock)
    assert list(why(shop, "win_back", five["Ada"][0], clock=clock)) == [
        f"Plan {second.plan_id} (2017-12-31, version {version}, released): chosen; its message is released", told
    ]  # fmt: skip


def test_a_message_that_another_plan_took_over_is_not_missing(
    shop: psycopg.Connection, five: People, desk: Desk, campaigns: dict[str, Campaign], clock: Clock
) -> None:
    plans = [desk.plan(campaigns["win_back"], approval=False) for _ in range(2)]
    assert (plans[1].planned, len(five)) == (1, 5)
    release(shop, plans[1].plan_id, clock=clock)
    shop.execute("UPDATE activation.plans SET state = 'released'")  # the first run was only late
    check = load_transforms()["marts.campaign_members"]
    assert run_steps(shop, check, {})[1].get("planned_without_a_message", 0) == 0
    shop.execute("DELETE FROM activation.sends")
    assert run_steps(shop, check, {})[1]["planned_without_a_message"] == 2


def test_why_of_nobody_and_nothing(shop: psycopg.Connection, five: People, clock: Clock) -> None:
    with pytest.raises(MarketflowError, match="there is no customer 999999"):
        list(why(shop, "win_back", 999999, clock=clock))
    with pytest.raises(MarketflowError, match="win_back was never planned"):
        list(why(shop, "win_back", five["Ada"][0], clock=clock))


def test_one_query_tells_an_analyst_why(
    shop: psycopg.Connection, five: People, desk: Desk, campaigns: dict[str, Campaign]
) -> None:
    """The query of docs/analysts.md, with an analyst's rights."""
    plan = desk.plan(campaigns["win_back"])
    text = (Path(__file__).parents[3] / "docs" / "analysts.md").read_text()
    [query, *_] = re.findall(r"```sql\n(select [^`]*from marts\.campaign_members[^`]*)```", text)
    shop.execute("SET LOCAL ROLE marketflow_analyst")
    rows = shop.execute(query.replace("42", str(five["Cy"][0]))).fetchall()
    assert rows == [
        (
            plan.plan_id,
            "2017-12-31",
            campaigns["win_back"].definition_version,
            "segment = 'at_risk'",
            "no_consent",
            None,
            None,
            None,
        )
    ]


def test_the_command_explains_and_tells_why(
    warehouse_dsn: str, five: People, desk: Desk, campaigns: dict[str, Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydantic import SecretStr

    from campaign_shop import KEYS
    from marketflow.cli import app
    from marketflow.cli import installation as module
    from marketflow.shared import Settings

    desk.plan(campaigns["win_back"])
    cfg = Settings(warehouse_dsn=SecretStr(warehouse_dsn), keys=SecretStr(KEYS), business_date=DAY)
    monkeypatch.setattr(module, "settings", lambda: cfg)

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["audience", *words])
        return done.exit_code, done.output + str(done.exception or "")

    code, text = run("explain", RULE, "--purpose", "marketing", "--day", "2017-12-31")
    assert (code, "Selects    5 of 5 customers" in text, "no contact point" in text) == (0, True, True)
    code, text = run("why", "win_back", str(five["Bo"][0]))
    assert (code, "no_contact_point - the customer has no address" in text) == (0, True)
    assert "no column 'segmnt'; did you mean 'segment'?" in run("explain", "segmnt = 'x'")[1]
    assert "'emial' is not one of email; did you mean 'email'?" in run("explain", RULE, "--channel", "emial")[1]
    assert "'yesterday' is no day" in run("explain", RULE, "--day", "yesterday")[1]


def test_the_form_explains_and_a_wrong_rule_is_not_tried_again(
    warehouse_dsn: str, five: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from marketflow.orchestration import audience as module
    from marketflow.shared import Settings
    from marketflow.warehouse import connect

    monkeypatch.setattr(module, "warehouse", lambda: connect(warehouse_dsn, "owner"))
    monkeypatch.setattr(module, "key_ring", lambda: RING)
    monkeypatch.setattr(module, "settings", lambda: Settings(business_date=DAY))
    form = {name: field.value for name, field in module.explain_form().items()}
    found = module.explain_rule(form)
    assert (found["selected"], found["planned"], found["day"]) == (len(five), 1, "2017-12-31")
    assert "Selects    5 of 5 customers" in found["in_words"]
    assert json.loads(json.dumps(found)) == found  # an XCom
    with pytest.raises(AirflowFailException, match="did you mean 'segment'"):
        module.explain_rule({**form, "rule": "segmnt = 'x'"})


def test_the_approval_says_which_share_it_is() -> None:
    from marketflow.orchestration.approval import approval_text

    plan = {"planned": 90, "audience": 995, "refusals": {"no_consent": 905}, "samples": [], "customers": 1000}
    first, *_ = approval_text(plan).splitlines()
    assert (
        first
        == "**90** of 995 people would get it. The audience is 100% of all 1,000 customers. **That is everybody.**"
    )
    first, *_ = approval_text({**plan, "audience": 250}).splitlines()
    assert first == "**90** of 250 people would get it. The audience is 25% of all 1,000 customers."
    assert approval_text({**plan, "customers": None}).startswith("**90** of 995 people would get it.\n")


def test_the_approval_of_an_event_campaign_says_what_rejecting_means() -> None:
    from marketflow.orchestration.approval import approval_text

    plan = {"planned": 1, "audience": 1, "refusals": {}, "samples": [], "customers": None}
    assert "asks about them again only when its files have been changed" in approval_text(
        {**plan, "rejecting_is_final": True}
    )
    assert "asks about them again" not in approval_text({**plan, "rejecting_is_final": False})
