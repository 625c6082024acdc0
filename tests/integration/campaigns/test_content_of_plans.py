"""What a plan shows before anybody gets it: masked samples, and templates that are refused before the ledger."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from campaign_shop import DAY, RING, Desk, People, add_customer, add_order, fresh, write_campaign
from marketflow.campaigns import Campaign
from marketflow.privacy import ACCOUNT

YAML = """
name: letter
title: A letter
owner: marketing
channel: email
purpose: marketing
trigger: {on: manual}
audience: {where: "orders >= 1"}
approval: false
"""


def test_samples_show_the_mail_and_nobody(desk: Desk, five: People, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["thank_you"])
    [sample] = plan.samples
    assert sample["subject"] == "A…, thank you for your order"
    assert "Dear A…," in sample["text"]
    assert "  - Product 4\n  - Product 3\n" in sample["text"]
    assert "/u/…" in sample["text"]  # no link that works
    [(stored,)] = desk.rows("SELECT to_jsonb(p)::text FROM activation.plans AS p")
    assert not any(f"{name}," in stored for name in five)
    assert "example.com" not in stored
    assert json.loads(stored)["samples"] == plan.samples


def test_at_most_three_samples(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    for name in ("Ada", "Bob", None, "Dina"):
        add_customer(desk.conn, name)
    plan = desk.plan(campaigns["win_back"])
    assert [s["subject"] for s in plan.samples] == [
        "A…, we have missed you",
        "B…, we have missed you",
        "We have missed you",
    ]


@pytest.mark.parametrize(
    "name", ["{{ 7*7 }}", "<script>alert(1)</script>", "\u202eevil", 'O\'Hara "Bob"', "\n\r\nBcc: x@y.z", "🧀", ""]
)
def test_hostile_names_plan_like_others(desk: Desk, campaigns: dict[str, Campaign], name: str) -> None:
    add_customer(desk.conn, name)
    add_customer(desk.conn, "Ada")
    plan = desk.plan(campaigns["win_back"])
    assert (plan.state, plan.planned) == ("planned", 2)
    assert all("\n" not in s["subject"] and "49" not in s["subject"] for s in plan.samples)
    assert "A…, we have missed you" in [s["subject"] for s in plan.samples]


@pytest.mark.parametrize(
    ("subject", "text", "reason"),
    [
        (
            "Hi",
            "Dear\n{{ given_nme }}",
            r"letter/body\.txt:2: there is no variable 'given_nme'; did you mean 'given_name'",
        ),
        ("Hi {{ 1 +", "x", r"letter/subject\.txt:1: "),
        ("Hi", "a\nb\n{% if products %}{{ products[0].nmae }}{% endif %}", r"letter/body\.txt:3: .*nmae"),
        ("Hi", "{% if not given_name %}{{ brand.x.y }}{% endif %}", r"letter/body\.txt:1: "),
        ("{{ '' }}", "x", r"letter/subject\.txt: the subject is empty"),
        ("Hi", "{% include 'nothing.html' %}", r"letter/body\.txt:1: there is no shared template 'nothing\.html'"),
    ],
)
def test_a_wrong_template_refuses_the_plan(desk: Desk, tmp_path: Path, subject: str, text: str, reason: str) -> None:
    add_customer(desk.conn, "Ada")
    fresh(desk.conn)
    plan = desk.plan(write_campaign(tmp_path / "letter", yaml=YAML, subject=subject, text=text))
    assert (plan.state, plan.planned, plan.refusals) == ("refused", 0, {"template_wrong": 1})
    assert re.search(reason, plan.reason or "")
    assert desk.ledger() == []


def test_a_wrong_template_is_found_though_nobody_is_planned(desk: Desk, tmp_path: Path) -> None:
    plan = desk.plan(write_campaign(tmp_path / "letter", yaml=YAML, subject="Hi", text="{{ oops }}"))
    assert plan.refusals == {"template_wrong": 0}


def test_the_form_s_subject_is_a_template_in_the_same_sandbox(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    add_customer(desk.conn, "Ada")
    good = desk.plan(campaigns["win_back"], subject="For {{ given_name }}\r\nBcc: all@example.com")
    assert good.samples[0]["subject"] == "For A… Bcc: all@example.com"
    bad = desk.plan(campaigns["win_back"], subject="{{ ''.__class__ }}")
    assert (bad.state, bad.refusals) == ("refused", {"template_wrong": 1})


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("segmnt = 'at_risk'", "audience.where: marts.customer_360 has no column 'segmnt'; did you mean 'segment'?"),
        ("segment > 5", "audience.where: the condition cannot be evaluated: operator does not exist: text > integer"),
        ("orders", "audience.where: the condition cannot be evaluated: argument of WHERE must be type boolean"),
        (
            "last_order_on > 'tomorow'",
            "audience.where: the condition cannot be evaluated: invalid input syntax for type date",
        ),
    ],
)
def test_a_wrong_rule_refuses_the_plan(desk: Desk, tmp_path: Path, where: str, reason: str) -> None:
    add_customer(desk.conn, "Ada")
    text = YAML.replace('"orders >= 1"', json.dumps(where))
    plan = desk.plan(write_campaign(tmp_path / "letter", yaml=text, subject="Hi", text="x"))
    assert (plan.state, plan.refusals) == ("refused", {"audience_rule_wrong": 0})
    assert (plan.reason or "").startswith(reason)
    assert desk.ledger() == []


def test_a_weekly_post_is_about_the_last_complete_week(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    campaign = campaigns["weekly_bestsellers"]
    plan = desk.plan(campaign)
    assert (plan.occasion, plan.audience, plan.planned) == ("2017-12-31", 1, 1)
    [row] = desk.rows("SELECT customer_id, channel, purpose, content, is_simulated FROM activation.sends")
    assert row == (None, "webhook", "post", {"product_ids": [7, 6, 5, 4, 3]}, False)
    [(address,)] = desk.rows("SELECT address FROM core.contact_points WHERE channel = 'webhook'")
    assert RING.decrypt_text(address, ACCOUNT) == "social_webhook"
    assert plan.samples[0]["subject"] == ""
    assert "week to December 31, 2017:\n\n1. Product 7\n2. Product 6\n" in plan.samples[0]["text"]
    assert desk.rows("SELECT customer_id, outcome FROM activation.plan_members") == [(None, "planned")]


def test_each_week_is_posted_once_and_a_late_week_still_within_its_age(
    desk: Desk, campaigns: dict[str, Campaign]
) -> None:
    campaign = campaigns["weekly_bestsellers"]
    desk.conn.execute("DELETE FROM marts.top_products WHERE week_ending_on = %s", [DAY])
    monday = desk.plan(campaign)
    assert (monday.occasion, monday.planned) == ("2017-12-24", 1)
    desk.conn.execute("UPDATE activation.sends SET state = 'sent'")
    assert desk.plan(campaign).refusals == {"already_planned": 1}
    [(week,)] = desk.rows(
        "UPDATE marts.top_products SET week_ending_on = %s RETURNING week_ending_on", DAY - dt.timedelta(days=8)
    )
    late = desk.plan(campaign)
    assert (late.state, late.occasion, late.refusals) == ("refused", week.isoformat(), {"occasion_too_old": 1})


def test_no_week_no_post(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    desk.conn.execute("DELETE FROM marts.top_products")
    plan = desk.plan(campaigns["weekly_bestsellers"])
    assert (plan.state, plan.refusals) == ("refused", {"stale_data": 1})
    assert desk.ledger() == []


@pytest.mark.usefixtures("five")
def test_the_shipped_campaigns_plan(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    stranger = add_customer(desk.conn, None, segment="new")[0]
    add_order(desk.conn, stranger, [1])
    desk.conn.execute(
        "INSERT INTO core.events (occurred_on, event_id, source, event_type, customer_id, occurred_at, properties)"
        " VALUES (%s, gen_random_uuid(), 'web', 'signed_up', %s, %s, '{}')",
        [DAY, stranger, dt.datetime(2017, 12, 31, 17, tzinfo=dt.UTC)],
    )
    plans = {name: desk.plan(c) for name, c in campaigns.items()}
    assert {n: (p.state, p.planned) for n, p in plans.items()} == {
        "thank_you": ("planned", 2),
        "win_back": ("planned", 1),
        "weekly_bestsellers": ("planned", 1),
        "weekly_bestsellers_mastodon": ("planned", 1),
        "welcome": ("planned", 1),
        "picked_for_you": ("planned", 0),
    }


RECOMMENDS = YAML + "content: {recommend: {list: %s, limit: 4}}\n"


def planned_products(desk: Desk, folder: Path, which: str) -> list[int]:
    plan = desk.plan(write_campaign(folder / which / "letter", yaml=RECOMMENDS % which, subject="Hi", text="x"))
    assert (plan.state, plan.planned) == ("planned", 1), plan.reason
    [(content,)] = desk.rows("SELECT content FROM activation.sends WHERE plan_id = %s", plan.plan_id)
    desk.conn.execute("DELETE FROM activation.sends")
    return list(content["product_ids"])


def recommended(desk: Desk, customer: int, which: str, products: list[int]) -> None:
    desk.conn.cursor().executemany(
        "INSERT INTO marts.product_recommendations (customer_id, list, rank, product_id, product_name, score, reason, model_run_id)"
        " VALUES (%s, %s, %s, %s, 'x', %s, 'r', 1)",
        [(customer, which, rank, product, rank / 10) for rank, product in enumerate(products, 1)],
    )


LISTS = {"discover": [5, 6, 7, 2], "buy_again": [3, 2, 4, 1], "goes_with": [4, 3, 5, 6], "bestsellers": [7, 6, 5, 4]}


@pytest.fixture
def ada(desk: Desk) -> int:
    """She bought 1 on the day; her lists are in the order of their ranks, which their scores contradict."""
    customer, _ = add_customer(desk.conn, "Ada")
    add_order(desk.conn, customer, [1])
    recommended(desk, customer, "discover", [5, 6, 7, 2])
    recommended(desk, customer, "buy_again", [3, 2, 4, 1])
    desk.conn.execute("DELETE FROM marts.related_products WHERE related_product_id = 2")
    return customer


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("which", LISTS)
def test_each_list_is_taken_by_its_name_best_first(desk: Desk, tmp_path: Path, which: str) -> None:
    assert planned_products(desk, tmp_path, which) == LISTS[which]


@pytest.mark.parametrize("which", LISTS)
def test_what_lies_in_her_open_basket_is_not_proposed_in_any_list(
    desk: Desk, ada: int, tmp_path: Path, which: str
) -> None:
    waiting, other = LISTS[which][0], LISTS[which][1]
    bob = 1_000_000
    desk.conn.execute("INSERT INTO marts.open_baskets VALUES (%s, %s, %s)", [ada, waiting, DAY])
    desk.conn.execute("INSERT INTO marts.open_baskets VALUES (%s, %s, %s)", [bob, other, DAY])
    proposed = planned_products(desk, tmp_path, which)
    assert waiting not in proposed
    assert proposed[0] == other


def test_nor_is_another_product_of_the_same_name(desk: Desk, ada: int, tmp_path: Path) -> None:
    desk.conn.execute("UPDATE marts.products SET product_name = 'Milk' WHERE product_id IN (3, 5)")
    desk.conn.execute("INSERT INTO marts.open_baskets VALUES (%s, 3, %s)", [ada, DAY])
    assert planned_products(desk, tmp_path, "discover") == [6, 7, 2]


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("which", LISTS)
def test_what_went_out_of_stock_since_is_not_proposed_in_any_list(desk: Desk, tmp_path: Path, which: str) -> None:
    desk.conn.execute("UPDATE marts.products SET is_recommendable = false WHERE product_id = %s", [LISTS[which][0]])
    proposed = planned_products(desk, tmp_path, which)
    assert LISTS[which][0] not in proposed
    assert proposed[0] == LISTS[which][1]


def test_a_post_leaves_out_what_went_out_of_stock_since(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    desk.conn.execute("UPDATE marts.products SET is_recommendable = false WHERE product_id = 7")
    desk.plan(campaigns["weekly_bestsellers"])
    assert desk.rows("SELECT content FROM activation.sends") == [({"product_ids": [6, 5, 4, 3, 2]},)]


@pytest.mark.usefixtures("ada")
def test_a_shop_that_knows_no_open_baskets_plans_all_the_same(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    """Nobody need collect behaviour: marts.open_baskets is no table that a campaign waits for."""
    assert desk.rows("SELECT count(*) FROM ops.table_freshness WHERE table_name = 'marts.open_baskets'") == [(0,)]
    assert all("marts.open_baskets" not in c.required_tables for c in campaigns.values())
    assert desk.plan(campaigns["thank_you"]).state == "planned"
