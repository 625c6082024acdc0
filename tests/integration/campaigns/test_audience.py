"""The condition runs as the audience role: read-only, only the marts, not for ever; and the caller gets its own rights back."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from psycopg import sql

from campaign_shop import DAY, RING, THEN, Desk, People, add_customer
from marketflow.campaigns import Campaign
from marketflow.campaigns.audience import About, AudienceRefused, compile_predicate, select_audience
from marketflow.warehouse import use_role


def with_rule(campaign: Campaign, where: str) -> Campaign:
    return campaign.model_copy(update={"audience": campaign.audience.model_copy(update={"where": where})})


def select(conn: psycopg.Connection, campaign: Campaign, where: str, timeout_ms: int = 10_000) -> list[int]:
    select_audience(
        conn, with_rule(campaign, where), occasion_on=DAY, dry_run=False, keys=RING, now=THEN, timeout_ms=timeout_ms
    )
    return [int(i) for (i,) in conn.execute("SELECT customer_id FROM pg_temp.plan_audience ORDER BY 1")]


@pytest.fixture
def win_back(campaigns: dict[str, Campaign]) -> Campaign:
    return campaigns["win_back"]


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("segment = 'at_risk'", "Ada Bo Cy Di Ed"),
        ("segment <> 'at_risk'", ""),
        ("email_consent", "Ada Bo Ed"),
        ("not email_consent and orders >= 3", "Cy Di"),
        ("revenue between 99 and 100 and country in ('US', 'CA')", "Ada Bo Cy Di Ed"),
        ("last_order_on is null and lower(coalesce(age_band, 'NONE')) = 'none'", "Ada Bo Cy Di Ed"),
        ("last_order_on > date '2017-12-31' - 30", ""),
        ("recency_days + 1 - 2 < 40", "Ada Bo Cy Di Ed"),
        ("segment like 'at%' and segment <> '100% ''x'''", "Ada Bo Cy Di Ed"),
        ("email_contact_point_id is null", "Bo"),
        ("everybody()", "Ada Bo Cy Di Ed"),
        ("everybody() and not email_consent", "Cy Di"),
    ],
)
def test_conditions_mean_what_they_say(
    shop: psycopg.Connection, five: People, win_back: Campaign, where: str, names: str
) -> None:
    who = {c: n for n, (c, _) in five.items()}
    assert " ".join(who[c] for c in select(shop, win_back, where)) == names


def test_every_column_of_the_table_can_be_named(shop: psycopg.Connection) -> None:
    names = [
        c
        for (c,) in shop.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'marts.customer_360'::regclass AND attnum > 0"
        )
    ]
    assert len(names) > 20
    for name in names:
        shop.execute(
            sql.SQL("SELECT 1 FROM marts.customer_360 WHERE {}").format(
                compile_predicate(f"{name} IS NULL", names, About(day=DAY))
            )
        )


def test_the_shipped_conditions_are_read(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    rules = [c for c in campaigns.values() if c.audience.where]
    assert rules
    assert {desk.plan(c).state for c in rules} == {"planned"}


def test_rights_and_limits_are_the_caller_s_again(shop: psycopg.Connection, five: People, win_back: Campaign) -> None:
    assert len(five) == len(select(shop, win_back, "true"))
    [(role, user, timeout, read_only)] = shop.execute(
        "SELECT current_setting('role'), current_user::text, current_setting('statement_timeout'), current_setting('transaction_read_only')"
    ).fetchall()
    assert (role, user, timeout, read_only) == ("none", "marketflow_owner", "0", "off")
    shop.execute("UPDATE core.customers SET locale = 'en-GB'")


def test_a_caller_in_a_role_stays_in_it(shop: psycopg.Connection, win_back: Campaign) -> None:
    use_role(shop, "owner")
    select(shop, win_back, "true")
    assert shop.execute("SELECT current_setting('role')").fetchone() == ("marketflow_owner",)


def test_the_condition_has_the_audience_role_s_rights(
    shop: psycopg.Connection, win_back: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second wall: suppose the allow-list let a function through."""
    from marketflow.campaigns.audience import condition as module

    attempts = {
        "(SELECT count(*) FROM core.customers) > 0": "permission denied for schema core",
        "(SELECT count(*) FROM activation.sends) > 0": "permission denied for schema activation",
        "pg_read_file('/etc/passwd') <> ''": "permission denied for function pg_read_file",
        "lo_create(0) > 0": "cannot execute lo_create\\(\\) in a read-only transaction",
    }
    for text, said in attempts.items():
        monkeypatch.setattr(module, "compile_predicate", lambda *_, text=text: sql.SQL(text))
        add_customer(shop, None)
        with pytest.raises((AudienceRefused, psycopg.Error), match=said):
            select(shop, win_back, "ignored")
        assert shop.execute("SELECT current_setting('role'), current_setting('transaction_read_only')").fetchone() == (
            "none",
            "off",
        )


def test_a_condition_that_never_ends_is_stopped(
    shop: psycopg.Connection, win_back: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marketflow.campaigns.audience import condition as module

    add_customer(shop, None)
    monkeypatch.setattr(module, "compile_predicate", lambda *_: sql.SQL("pg_sleep(60) IS NOT NULL"))
    began = dt.datetime.now(dt.UTC)
    with pytest.raises(AudienceRefused, match=r"took longer than 0\.2 s"):
        select(shop, win_back, "ignored", timeout_ms=200)
    assert dt.datetime.now(dt.UTC) - began < dt.timedelta(seconds=30)
    assert shop.execute("SELECT current_setting('statement_timeout')").fetchone() == ("0",)
