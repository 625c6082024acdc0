"""From the ledger to uplift and picture: a campaign with a holdout whose numbers are known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from marketflow.evaluation import draw_campaigns, evaluate_campaigns
from marketflow.evaluation.performance import TABLES
from marketflow.evaluation.uplift import Arm, difference_of_means, difference_of_rates
from marketflow.pictures import Picture
from marketflow.shared import Clock
from table_rows import give, have
from unit.pictures.drawn import check, texts

PEOPLE, HELD_OUT = 4_000, 1_000
BUDGET = {"budget": {"amount": "1000", "currency": "USD", "cost_per_message": "0.10"}}


def fill(
    conn: psycopg.Connection, *, outcome: str = "experiment_holdout", title: str = "Come back", **more: Any
) -> None:
    """4,000 people get it in two variants and 1,000 do not; of those every tenth buys for 20 to 29, of these every 20th."""
    campaign = {"title": title, "attribution_days": 7, **BUDGET}
    plan = {"plan_id": 1, "campaign": "win_back", "definition": {"campaign": campaign}}
    give(conn, "activation.plans", [plan | {"released_at": "2017-12-01T08:00:00Z"}])
    values = {"people": PEOPLE, "all": PEOPLE + HELD_OUT, "outcome": outcome, "simulated": False} | more
    for statement in (
        """INSERT INTO core.customers (customer_id, first_seen_at, updated_at)
        OVERRIDING SYSTEM VALUE
        SELECT n, '2017-01-01Z', '2017-01-01Z' FROM generate_series(1, %(all)s) AS n""",
        """INSERT INTO core.contact_points (contact_point_id, channel, address_hash, address, customer_id, first_seen_at)
        OVERRIDING SYSTEM VALUE
        SELECT n, 'email', int8send(n), '\\x00', n, '2017-01-01Z' FROM generate_series(1, %(all)s) AS n""",
        """INSERT INTO activation.plan_members (plan_id, customer_id, contact_point_id, occasion, outcome, variant)
        SELECT 1, n, n, '2017-12-01', CASE WHEN n <= %(people)s THEN 'planned' ELSE %(outcome)s END,
            CASE WHEN n <= %(people)s THEN (ARRAY['red', 'blue'])[n %% 2 + 1] ELSE 'holdout' END
        FROM generate_series(1, %(all)s) AS n""",
        """INSERT INTO activation.sends (
            campaign, occasion, contact_point_id, channel, plan_id, customer_id, purpose, state, send_after, expires_at,
            definition_version, message_id, planned_at, settled_at, sending_at, is_simulated, variant
        )
        SELECT 'win_back', '2017-12-01', n, 'email', 1, n, 'marketing', 'sent', '2017-12-01Z', '2017-12-03Z', 'v1',
            n::text, '2017-12-01Z', '2017-12-01 12:00Z', '2017-12-01 12:00Z', %(simulated)s, (ARRAY['red', 'blue'])[n %% 2 + 1]
        FROM generate_series(1, %(people)s) AS n""",
        """INSERT INTO core.orders (
            source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, base_revenue, discount, currency,
            file_id
        )
        SELECT 'shop', n::text, n, '2017-12-02 12:00Z', '2017-12-02', 1, 20 + n / 10 %% 10, 20 + n / 10 %% 10, 0, 'USD', 1
        FROM generate_series(1, %(all)s) AS n WHERE n %% CASE WHEN n <= %(people)s THEN 10 ELSE 20 END = 0""",
        """INSERT INTO activation.tracking_events (
            event_id, send_id, campaign, channel, kind, url, occurred_at, recorded_at, verdict, verdict_reason, is_simulated
        )
        SELECT gen_random_uuid(), s.send_id, 'win_back', 'email', k.kind, k.url, '2017-12-01 13:00Z', '2017-12-01 13:00Z',
            k.verdict, k.reason, %(simulated)s
        FROM activation.sends AS s
        JOIN (VALUES
            ('open', NULL, 'person', NULL, 4), ('open', NULL, 'proxy', 'apple', 2),
            ('click', 'https://shop.test/', 'person', NULL, 16), ('click', 'https://shop.test/', 'scanner', 'fast', 10)
        ) AS k (kind, url, verdict, reason, every) ON s.customer_id %% k.every = 0""",
    ):
        conn.execute(statement, values)


def uplift(conn: psycopg.Connection) -> dict[tuple[str, str, str], dict[str, Any]]:
    with conn.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        rows = cursor.execute("SELECT * FROM marts.campaign_uplift").fetchall()
    return {(r["breakdown"], r["part"], r["measure"]): r for r in rows}


def drawn(conn: psycopg.Connection, clock: Clock) -> Picture:
    assert draw_campaigns(conn, clock=clock) == ["campaign_win_back"]
    row = conn.execute("SELECT name, title, description, svg, png FROM models.pictures").fetchone()
    assert row is not None
    return Picture(name=row[0], title=row[1], description=row[2], svg=row[3], png=bytes(row[4]))


@pytest.mark.parametrize(("outcome", "control"), [("experiment_holdout", "experiment"), ("holdout", "global")])
def test_uplift_is_that_of_the_people_themselves(
    conn: psycopg.Connection, clock: Clock, outcome: str, control: str
) -> None:
    fill(conn, outcome=outcome)
    assert evaluate_campaigns(conn, clock=clock) == 1
    found = uplift(conn)
    parts = {("all", ""), ("variant", "red"), ("variant", "blue"), ("segment", "(none)")}
    assert {key[:2] for key in found} == parts
    conversion, revenue = found["all", "", "conversion"], found["all", "", "revenue"]
    rates = difference_of_rates(400, PEOPLE, 50, HELD_OUT)
    assert conversion["difference"] == pytest.approx(0.05)
    assert (conversion["difference_low"], conversion["difference_high"]) == pytest.approx((rates.low, rates.high))
    assert conversion["relative"] == pytest.approx(1.0)
    assert conversion["incremental"] == pytest.approx(200)
    assert (conversion["control"], conversion["has_enough"], conversion["waiting"]) == (control, True, 0)
    spent = [20 + n // 10 % 10 if n % 10 == 0 else 0 for n in range(1, PEOPLE + 1)]
    others = [20 + n // 10 % 10 if n % 20 == 0 else 0 for n in range(PEOPLE + 1, PEOPLE + HELD_OUT + 1)]
    means = difference_of_means(Arm.of_values(spent), Arm.of_values(others))
    for name, end in (("difference", means.value), ("difference_low", means.low), ("difference_high", means.high)):
        assert revenue[name] == pytest.approx(float(end), rel=1e-9)
    assert revenue["cost"] == pytest.approx(400)
    assert revenue["return_on_cost"] == pytest.approx((float(means.value) * PEOPLE - 400) / 400)
    assert found["variant", "red", "conversion"]["people"] == PEOPLE / 2
    assert found["variant", "red", "conversion"]["control_people"] == HELD_OUT


def test_a_second_run_changes_nothing_and_a_day_later_too_soon_is_told(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn)
    evaluate_campaigns(conn, clock=clock)
    before = {table: have(conn, table, []) for table in TABLES}
    assert all(before.values())
    evaluate_campaigns(conn, clock=clock)
    assert {table: have(conn, table, []) for table in TABLES} == before
    evaluate_campaigns(conn, clock=clock, attribution_days=60)
    assert uplift(conn)["all", "", "conversion"]["waiting"] == PEOPLE + HELD_OUT
    assert "Not over yet for 5,000 people" in drawn(conn, clock).description


@pytest.mark.parametrize("title", ["Come back", "春节问候, 欢迎回来", "Very long " * 9, "<b>&amp; $x_1$ \\alpha"])
def test_the_picture_says_it_in_ten_seconds(conn: psycopg.Connection, clock: Clock, title: str) -> None:
    fill(conn, title=title)
    evaluate_campaigns(conn, clock=clock)
    picture = drawn(conn, clock)
    check(picture)
    written = texts(picture)
    assert "About 200 people of 4,000 who were to get it bought because of it and brought" in written
    assert "Buyers among 100 people: 10.00 with the campaign, 5.00 without" in written
    for words in ("4,000", "1,000", "250", "More to newer messages", "machines alone opened 1,000"):
        assert words in written
    assert "SIMULATED" not in written


def test_simulated_numbers_are_marked_everywhere(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, simulated=True)
    evaluate_campaigns(conn, clock=clock)
    for table in TABLES:
        if table not in ("marts.campaign_arms", "marts.campaign_uplift", "marts.campaign_attribution"):
            rows = conn.execute(f"SELECT DISTINCT is_simulated FROM {table}").fetchall()
            assert rows == [(True,)], table
    picture = drawn(conn, clock)
    assert "SIMULATED DATA" in texts(picture)
    assert picture.description.startswith("Simulated data.")


def test_without_anybody_held_out_the_picture_says_that_nothing_is_known(
    conn: psycopg.Connection, clock: Clock
) -> None:
    fill(conn, outcome="no_consent")
    evaluate_campaigns(conn, clock=clock)
    assert uplift(conn) == {}
    written = texts(drawn(conn, clock))
    assert "400 of 4,000 people bought; how many because of it is not known." in written
    assert "Nobody was held out of this campaign" in written


def test_everybody_bought_and_an_arm_of_nobody(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, all=3, people=2)
    conn.execute("DELETE FROM core.orders")
    for n in (1, 2, 3):
        order = {"order_id": n, "external_id": f"x{n}", "customer_id": n, "revenue": 5, "base_revenue": 5}
        give(conn, "core.orders", [order | {"ordered_at": "2017-12-02T12:00:00Z"}])
    evaluate_campaigns(conn, clock=clock)
    row = uplift(conn)["all", "", "conversion"]
    assert (row["difference"], row["p_value"], row["has_enough"]) == (0, 1, False)
    assert row["difference_low"] < 0 < row["difference_high"]
    assert ("all", "", "revenue") not in uplift(conn)  # one person has no variance
    conn.execute("DELETE FROM activation.plan_members WHERE outcome = 'planned'")
    evaluate_campaigns(conn, clock=clock)
    assert uplift(conn) == {}


def test_the_command_writes_the_picture_and_says_it_in_words(
    conn: psycopg.Connection, warehouse_dsn: str, clock: Clock, tmp_path: Path
) -> None:
    fill(conn)
    evaluate_campaigns(conn, clock=clock)
    conn.commit()
    env = {**os.environ, "MARKETFLOW_WAREHOUSE_DSN": warehouse_dsn, "MARKETFLOW_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "marketflow", "campaign", "picture"]
    done = subprocess.run([*command, "win_back"], check=True, capture_output=True, text=True, env=env)
    assert done.stdout.startswith(f"{tmp_path}/pictures/win_back.png: Come back. About 200 people of 4,000")
    assert (tmp_path / "pictures" / "win_back.png").read_bytes().startswith(b"\x89PNG")
    other = subprocess.run([*command, "win_bak"], check=False, capture_output=True, text=True, env=env)
    assert other.returncode == 1
    assert "win_bak: nothing of it was sent and evaluated yet" in other.stderr
