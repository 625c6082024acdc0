"""did(), in_segment(), got_campaign() against real rows, days counted back from the business day that is given."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from campaign_shop import DAY, RING, THEN, Desk, People, add_customer, add_order
from marketflow.campaigns import Campaign
from marketflow.campaigns.audience import About, AudienceRefused, compile_predicate, select_audience
from marketflow.campaigns.audience.condition import as_audience, fill_by_condition, known_columns
from marketflow.campaigns.audience.words import ShopWords

ZONE = ZoneInfo("America/New_York")
SEGMENTS = ("at_risk", "loyal", "lost")


def ago(days: int) -> dt.date:
    return DAY - dt.timedelta(days=days)


def add_event(conn: psycopg.Connection, customer: int, event: str, day: dt.date, **properties: str) -> None:
    conn.execute("INSERT INTO core.event_types VALUES (%s, %s) ON CONFLICT DO NOTHING", [event, THEN])
    conn.execute(
        "INSERT INTO core.events (occurred_on, event_id, source, event_type, customer_id, occurred_at, properties, version_at, file_id)"
        " VALUES (%s, %s, 'shop', %s, %s, %s, %s, %s, 1)",
        [day, uuid.uuid4(), event, customer, THEN, Jsonb(properties), THEN],
    )


def add_send(
    conn: psycopg.Connection, who: tuple[int, int | None], campaign: str, at: dt.datetime, state: str = "sent"
) -> None:
    row = conn.execute(
        "INSERT INTO activation.plans (campaign, occasion, channel, definition_version, definition, is_dry_run, state, business_date, planned_at)"
        " VALUES (%s, %s, 'email', 'v1', '{}', false, 'released', %s, %s) RETURNING plan_id",
        [campaign, str(at), DAY, at],
    ).fetchone()
    conn.execute(
        "INSERT INTO activation.sends (campaign, occasion, contact_point_id, channel, plan_id, customer_id, purpose, state, reason, send_after,"
        " expires_at, definition_version, message_id, planned_at, settled_at)"
        " VALUES (%s, %s, %s, 'email', %s, %s, 'marketing', %s, 'x', %s, %s, 'v1', %s, %s, %s)",
        [campaign, str(at), who[1], row and row[0], who[0], state, at, at, str(uuid.uuid4()), at, at],
    )


@pytest.fixture
def lively(shop: psycopg.Connection) -> People:
    """Six customers with a past; product 1 is wine, product 2 is beer."""
    who = {name: add_customer(shop, name, segment="loyal") for name in ("Ada", "Bo", "Cy", "Di", "Ed", "Flo")}
    ids = {name: customer for name, (customer, _) in who.items()}
    shop.execute("UPDATE marts.products SET category = CASE product_id WHEN 1 THEN 'WINE' WHEN 2 THEN 'BEER' END")
    shop.execute(
        "INSERT INTO core.products (product_id, source, external_id, in_catalogue, updated_at) OVERRIDING SYSTEM VALUE VALUES (1, 'shop', 'P1', true, %s)",
        [THEN],
    )
    shop.execute("UPDATE marts.customer_360 SET segment = NULL WHERE customer_id = %s", [ids["Flo"]])
    shop.execute(
        "INSERT INTO models.rfm_segment_rules SELECT 1, 1, n, (%s::text [])[n] FROM generate_series(1, 3) AS n",
        [list(SEGMENTS)],
    )
    add_order(shop, ids["Ada"], [1], ago(0))
    add_order(shop, ids["Ada"], [2], ago(29))
    add_order(shop, ids["Bo"], [2], ago(30))
    add_order(shop, ids["Cy"], [1, 2], ago(400))
    shop.execute("UPDATE marts.customer_days SET orders = 3 WHERE customer_id = %s", [ids["Cy"]])
    add_order(shop, ids["Di"], [1], DAY + dt.timedelta(days=1))  # after the day that is asked about
    add_event(shop, ids["Ada"], "view_item", ago(3), product="P1")
    add_event(shop, ids["Bo"], "product_viewed", ago(3), product="gone")
    add_event(shop, ids["Cy"], "page", ago(3))
    add_event(shop, ids["Cy"], "page", ago(2))
    stays = [("Ada", "at_risk", 90, 31), ("Bo", "at_risk", 90, 28), ("Cy", "at_risk", 5, None), ("Di", "lost", 9, None)]
    for name, segment, entered, left in stays:
        shop.execute(
            "INSERT INTO models.segment_memberships VALUES (%s, %s, %s, %s)",
            [ids[name], segment, ago(entered), None if left is None else ago(left)],
        )
    noon = dt.datetime.combine(DAY, dt.time(17), tzinfo=dt.UTC)
    add_send(shop, who["Ada"], "win_back", noon + dt.timedelta(days=1))  # today: the business day is yesterday
    add_send(shop, who["Bo"], "win_back", noon - dt.timedelta(days=29))
    add_send(shop, who["Cy"], "win_back", noon - dt.timedelta(days=30))
    add_send(shop, who["Di"], "win_back", noon, "failed")
    add_send(shop, who["Ed"], "thank_you", noon)
    shop.commit()
    return who


def chosen(conn: psycopg.Connection, people: People, text: str) -> str:
    conn.execute("DROP TABLE IF EXISTS pg_temp.plan_audience")
    conn.execute("CREATE TEMPORARY TABLE plan_audience (customer_id bigint)")
    fill_by_condition(conn, text, About(day=DAY, time_zone=ZONE, unknown=ShopWords(conn)))
    found = {c for (c,) in conn.execute("SELECT customer_id FROM pg_temp.plan_audience")}
    return " ".join(name for name, (customer, _) in people.items() if customer in found)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("did('order')", "Ada Bo Cy"),
        ("not did('order')", "Di Ed Flo"),
        ("did('order', days => 1)", "Ada"),
        ("did('order', days => 29)", "Ada"),
        ("did('order', days => 31)", "Ada Bo"),
        ("did('order', at_least => 2)", "Ada Cy"),
        ("did('order', at_least => 2, days => 29)", ""),
        ("did('order', at_least => 2, days => 30)", "Ada"),
        ("did('order', category => 'wine')", "Ada Cy"),
        ("not did('order', category => 'WINE') and did('order')", "Bo"),
        ("did('order', category => 'WINE', at_least => 2)", ""),
        ("did('order', product => 'P2', days => 30)", "Ada"),
        ("did('order', days => 5) or did('page')", "Ada Cy"),
        ("did('product_viewed')", "Ada Bo"),
        ("did('product_viewed', category => 'WINE')", "Ada"),
        ("did('page', days => 4, at_least => 2)", "Cy"),
        ("did('page', days => 3, at_least => 2)", ""),
        ("in_segment('loyal')", "Ada Bo Cy Di Ed"),
        ("not in_segment('loyal')", "Flo"),
        ("in_segment('at_risk')", ""),
        ("in_segment('at_risk', days => 30)", "Bo Cy"),
        ("in_segment('at_risk', days => 29)", "Cy"),
        ("in_segment('loyal', days => 1)", "Ada Bo Cy Di Ed"),
        ("not in_segment('at_risk', days => 30)", "Ada Di Ed Flo"),
        ("got_campaign('win_back')", "Ada Bo Cy"),
        ("got_campaign('win_back', days => 30)", "Ada Bo"),
        ("not got_campaign('win_back', days => 30)", "Cy Di Ed Flo"),
        ("got_campaign(days => 7)", "Ada Ed"),
        ("in_segment('loyal') and did('order', days => 31) and not got_campaign('win_back', days => 2)", "Bo"),
    ],
)
def test_predicates_mean_what_they_say(shop: psycopg.Connection, lively: People, text: str, names: str) -> None:
    assert chosen(shop, lively, text) == names


def test_who_turned_out_to_be_another_customer_got_the_campaign(shop: psycopg.Connection, lively: People) -> None:
    shop.execute(
        "UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [lively["Flo"][0], lively["Ed"][0]]
    )
    assert chosen(shop, lively, "got_campaign('thank_you')") == "Flo"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("in_segment('lsot')", "no segment 'lsot'; did you mean 'lost'"),
        ("segment = 'lsot'", "no segment 'lsot'; did you mean 'lost'"),
        ("did('oder')", "no event 'oder'; did you mean 'order'"),
        ("did('pages')", "no event 'pages'; did you mean 'page'"),
        ("got_campaign('win_bck')", "no campaign 'win_bck'; did you mean 'win_back'"),
        ("not did('order', category => 'WNE')", "no category 'WNE'; did you mean 'WINE'"),
        ("did('order', product => 'P11')", "no product 'P11'; did you mean 'P1'"),
    ],
)
def test_a_name_that_there_is_not_is_refused_with_the_nearest(
    shop: psycopg.Connection, lively: People, text: str, said: str
) -> None:
    with pytest.raises(AudienceRefused, match=said):
        chosen(shop, lively, text)


def with_rule(campaign: Campaign, where: str) -> Campaign:
    return campaign.model_copy(update={"audience": campaign.audience.model_copy(update={"where": where})})


def test_a_rule_that_selects_everybody_is_refused_unless_it_says_so(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    for _ in range(100):
        add_customer(desk.conn, None)
    plan = desk.plan(with_rule(campaigns["win_back"], "orders >= 0"))
    assert (plan.state, plan.planned) == ("refused", 0)
    assert "selects everybody: 100 of 100 customers" in (plan.reason or "")
    assert "write everybody() AND (orders >= 0)" in (plan.reason or "")
    assert desk.plan(with_rule(campaigns["win_back"], "everybody() AND (orders >= 0)")).planned == 100
    add_customer(desk.conn, None, segment="lost")
    add_customer(desk.conn, None, segment="lost")
    assert desk.plan(with_rule(campaigns["win_back"], "segment = 'at_risk'"), occasion="b").planned == 100  # 98 %


@pytest.mark.usefixtures("five")
def test_a_rule_about_orders_waits_for_the_days_of_orders(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    rule = with_rule(campaigns["win_back"], "not did('order', days => 30)")
    desk.rows(
        "UPDATE ops.table_freshness SET data_as_of = %s WHERE table_name = 'marts.customer_days' RETURNING 1", ago(1)
    )
    plan = desk.plan(rule)
    assert plan.reason == "marts.customer_days knows what happened until 2017-12-30; the plan is about 2017-12-31"
    plan = desk.plan(with_rule(campaigns["win_back"], "did('page')"))
    assert plan.reason == "core.events knows what happened until no day at all; the plan is about 2017-12-31"


def test_a_predicate_that_never_ends_is_cut(shop: psycopg.Connection, campaigns: dict[str, Campaign]) -> None:
    """A rule of the language itself, over more rows than it can look at in the time that it has."""
    shop.execute(
        "INSERT INTO marts.customer_days SELECT %s::date - n, c, 1, 1, %s FROM generate_series(1, 60) AS n, generate_series(1, 5000) AS c",
        [DAY, list(range(1, 9))],
    )
    shop.execute("UPDATE marts.products SET category = 'WINE'")
    add_customer(shop, None)
    rule = with_rule(campaigns["win_back"], "did('order', category => 'WINE', at_least => 59)")
    with pytest.raises(AudienceRefused, match=r"took longer than 0\.02 s"):
        select_audience(shop, rule, occasion_on=DAY, dry_run=True, keys=RING, now=THEN, timeout_ms=20)
    assert shop.execute("SELECT current_setting('statement_timeout'), current_user::text").fetchone() == (
        "0",
        "marketflow_owner",
    )
    assert select_audience(shop, rule, occasion_on=DAY, dry_run=True, keys=RING, now=THEN) == 1


# Conditions that fit together: each is a truth about one customer.
TRUTHS = st.sampled_from(
    [
        "segment = 'lost'", "segment in ('lost', 'loyal')", "orders > 3", "revenue between 1 and 2.5", "email_consent", "country like 'U%'",
        "lower(coalesce(age_band, 'x')) <> upper('x')", "last_order_on < date '2017-12-31' - 30", "segment is null", "email_consent is not true",
        "recency_days + 1 - -2 >= orders", "did('order')", "did('order', days => 30, at_least => 2, category => 'WINE')", "did('page', days => 7)",
        "did('add_to_cart', at_least => 3, product => 'P1')", "in_segment('lost')", "in_segment('loyal', days => 9)", "got_campaign('win_back')",
        "got_campaign(days => 7)",
    ]
)  # fmt: skip
RULES = st.recursive(
    TRUTHS,
    lambda inner: st.one_of(
        inner.map(lambda a: f"not ({a})"), inner.map(lambda a: f"({a})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
    ),
    max_leaves=8,
)  # fmt: skip
WORDS = st.lists(
    st.sampled_from(
        [
            "segment", "orders", "email_consent", "last_order_on", "=", "<>", "<", "(", ")", "'lost'", "''", "1", "-", "+", "and", "or", "not", "in",
            ",", "is", "null", "true", "between", "like", "did(", "'order'", "'page'", "days", "=>", "at_least", "30", "in_segment(", "got_campaign(",
            "'win_back'", "everybody()", "lower(", "coalesce(", "date", "'2017-12-31'", "select", "from", ";", "--", "::", "%", "%s", "\\",
        ]
    ),
    max_size=14,
).map(" ".join)  # fmt: skip


def plan_of(conn: psycopg.Connection, text: str) -> Any:
    predicate = compile_predicate(text, known_columns(conn), About(day=DAY, unknown=ShopWords(conn)))
    with as_audience(conn):
        return conn.execute(
            psycopg.sql.SQL("EXPLAIN SELECT customer_id FROM marts.customer_360 WHERE {}").format(predicate)
        ).fetchall()


@pytest.mark.usefixtures("lively")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RULES)
def test_postgresql_takes_every_rule_that_fits_together(shop: psycopg.Connection, text: str) -> None:
    assert plan_of(shop, text)


@pytest.mark.usefixtures("lively")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS)
def test_what_the_compiler_takes_is_never_a_syntax_error(shop: psycopg.Connection, text: str) -> None:
    """Any heap of words is refused by the compiler, runs, or is refused by PostgreSQL for its types alone."""
    said = ""
    try:
        plan_of(shop, text)
    except AudienceRefused as error:
        said = str(error)
    assert not re.search("syntax error|permission|relation|column .* does not exist", said)
    assert shop.execute("SELECT current_user::text").fetchone() == ("marketflow_owner",)
