"""`make demo` on all the data: every figure of its summary agrees with the ledger, the inbox and the data set itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import SCRATCH
from journey.conftest import stack_environment
from marketflow.embedded.airflow_api import AirflowApi
from marketflow.embedded.config import Config
from marketflow.embedded.demo_report import count_mails
from marketflow.embedded.demo_story import TRUTH
from marketflow.embedded.environment import METADATA, server
from marketflow.embedded.postgres import binaries
from marketflow.embedded.simulation import true_uplift, uplift_in_words

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

LINES = 1_469_307  # rows of `transactions` in the data set
HOUSEHOLDS = 2_469
BASKETS = 155_848


class Demo:
    """A demo that ran twice."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = stack_environment(home)
        self.config = Config.from_env(self.environ)
        self.first, self.first_seconds = self._run()
        self.second, self.second_seconds = self._run()

    def _run(self) -> tuple[dict[str, Any], float]:
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "marketflow", "demo"], env=self.environ, check=True)
        return json.loads((self.home / "demo/summary.json").read_text()), time.monotonic() - began

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.config.dsn("owner")) as conn:
            return conn.execute(text, values).fetchall()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    home = SCRATCH / "demo"
    home.mkdir()
    environ: dict[str, str] = dict(os.environ)
    try:
        done = Demo(home)
        environ = done.environ
        yield done
    finally:
        subprocess.run([sys.executable, "-m", "marketflow", "stop"], env=environ, check=False)


def test_every_line_of_the_data_goes_through(demo: Demo) -> None:
    s = demo.first
    assert s["order_lines_read"] == s["order_lines_loaded"] + s["order_lines_quarantined"]
    assert s["order_lines_loaded"] == LINES
    assert s["order_lines_quarantined"] > 0
    assert s["orders"] == BASKETS
    assert s["customers"] == HOUSEHOLDS
    assert demo.query("SELECT count(*), sum(amount)::text FROM core.order_lines") == [(LINES, s["revenue"])]


def test_mails_sent_are_mails_in_the_inbox_are_recipients(demo: Demo) -> None:
    s = demo.first
    by_ledger = demo.query("SELECT count(*) FROM activation.sends WHERE channel = 'email' AND state = 'sent'")[0][0]
    assert s["mails_sent"] == s["mails_in_inbox"] == s["mail_recipients"] == by_ledger
    assert count_mails(demo.home / "mail") == by_ledger
    assert by_ledger > 300
    assert s["posts_published"] == 1
    assert {c["campaign"] for c in s["campaigns"]} >= {"thank_you", "win_back", "weekly_bestsellers"}


def test_segments_rules_and_recommendations_are_there(demo: Demo) -> None:
    s = demo.first
    assert {"champions", "loyal", "potential", "new", "at_risk", "lost"} <= s["segments"].keys()
    assert sum(s["segments"].values()) == HOUSEHOLDS
    assert s["rules"] > 1_000
    lists = dict(demo.query("SELECT list, count(*) FROM marts.product_recommendations GROUP BY list"))
    assert s["recommendations"] == sum(lists.values())
    assert lists["discover"] == 10 * HOUSEHOLDS
    # Some bought fewer than ten products that may be recommended.
    assert 0.95 * 10 * HOUSEHOLDS < lists["buy_again"] <= 10 * HOUSEHOLDS
    short = demo.query("""
        SELECT count(*) FILTER (WHERE r.shown <> least(10, r.own)) FROM (
            SELECT
                (SELECT count(*) FROM marts.product_recommendations AS p
                 WHERE p.customer_id = c.customer_id AND p.list = 'buy_again') AS shown,
                (SELECT count(DISTINCT m.product_id) FROM core.order_lines AS l
                 INNER JOIN core.orders AS o USING (order_id) INNER JOIN marts.products AS m USING (product_id)
                 WHERE o.customer_id = c.customer_id AND m.is_recommendable) AS own
            FROM core.customers AS c) AS r""")
    assert short == [(0,)]


def test_models_stand_beside_their_baselines(demo: Demo) -> None:
    rows = demo.query("SELECT r.model, r.metrics, r.baseline FROM models.runs r JOIN models.published USING (run_id)")
    alone = {model for model, metrics, baseline in rows if not (metrics and baseline)}
    assert alone == {"association_rules", "related_products"}, "only what describes, and foresees nothing, has none"
    assert {model for model, _, _ in rows} - alone >= {"product_recommendations", "rfm"}


def test_bad_rows_are_in_quarantine_each_with_its_reason(demo: Demo) -> None:
    rows = demo.query(
        "SELECT q.record_no, q.reason, l.path FROM ops.quarantine q JOIN ops.landing_files l USING (file_id)"
    )
    assert len(rows) == demo.first["order_lines_quarantined"]
    assert len({reason for _, reason, _ in rows}) >= 4
    assert len({path for _, _, path in rows}) == 1


def test_what_is_simulated_is_marked_and_kept_out_of_everything_real(demo: Demo) -> None:
    did = demo.first["simulated"]
    assert did["orders"] > 100
    assert did["unsubscribed"] + did["bounced"] > 0
    assert 0 < did["opens_by_machines"] < did["opens"]
    assert 0 < did["clicks_by_machines"] < did["clicks"]
    assert demo.query("SELECT count(*), sum(base_revenue)::text FROM core.all_orders WHERE is_simulated") == [
        (did["orders"], did["revenue"])
    ]
    assert demo.query("SELECT count(*) FROM core.orders WHERE external_id LIKE 'simulated-%%'") == [(0,)]
    assert demo.query("SELECT count(*) FROM activation.tracking_events WHERE NOT is_simulated") == [(0,)]
    real = (
        "SELECT count(*) FROM activation.delivery_events JOIN activation.sends USING (send_id) WHERE NOT is_simulated"
    )
    assert demo.query(real) == [(0,)]


def test_an_experiment_with_a_holdout_and_a_journey_are_shown(demo: Demo) -> None:
    arms = {row["arm"]: row for row in demo.first["experiments"]}
    assert set(arms) == {"statement", "question", "holdout"}
    assert all(row["is_simulated"] and row["assigned"] > 200 for row in arms.values())
    assert arms["holdout"]["sent"] == 0 < arms["question"]["sent"]
    held_out = "SELECT customer_id FROM activation.plan_members WHERE outcome = 'experiment_holdout'"
    got = f"SELECT count(*) FROM activation.sends WHERE campaign = 'picked_for_you' AND customer_id IN ({held_out})"
    assert demo.query(got) == [(0,)]
    steps = {row["step"]: row for row in demo.first["journeys"] if row["journey"] == "win_back_series"}
    assert steps["value"]["entered"] == steps["personal"]["entered"] + steps["miss_you"]["entered"] > 50
    assert steps["two_weeks"]["here_now"] == steps["value"]["entered"]
    assert all(row["is_simulated"] for row in steps.values())


def test_evaluation_finds_the_uplift_that_was_simulated(demo: Demo) -> None:
    rows = [row for row in demo.first["uplift"] if row["measure"] == "conversion"]
    about = [row for row in rows if row["campaign"] == "picked_for_you"]
    assert [(row["breakdown"], row["part"]) for row in about] == [
        ("all", ""), ("variant", "question"), ("variant", "statement")
    ]  # fmt: skip
    assert all(row["is_simulated"] for row in about)
    for row in about:  # who is drawn follows from customers' numbers, which follow from the order of the loads
        within = row["difference_high"] - row["difference_low"]  # the interval twice as wide: four standard errors
        assert abs(row["difference"] - true_uplift(TRUTH, row, rows)) < within
        assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert all("simulated with a true uplift of" in line for line in uplift_in_words(TRUTH, rows))


def test_every_picture_says_that_it_is_simulated(demo: Demo) -> None:
    pictures = {f.name: f.read_text() for f in (demo.home / "demo").iterdir() if f.suffix in (".svg", ".html")}
    assert {"campaign_picked_for_you.svg", "journey_win_back_series.html"} <= set(pictures)
    mails = {name: text for name, text in pictures.items() if name != "campaign_weekly_bestsellers.svg"}
    assert [name for name, text in mails.items() if "imulated" not in text] == []


def test_a_second_demo_sends_nothing_new_in_half_the_time(demo: Demo) -> None:
    same = (
        "order_lines_read",
        "orders",
        "mails_sent",
        "mails_in_inbox",
        "posts_published",
        "revenue",
        "simulated",
        "uplift",
        "journeys",
    )
    assert {k: demo.second[k] for k in same} == {k: demo.first[k] for k in same}
    # both runs on the same machine, one after the other; the first does some five times the work
    assert demo.second_seconds <= demo.first_seconds / 2


def test_memory_stays_within_three_gibibytes(demo: Demo) -> None:
    assert 300 < demo.first["peak_memory_mib"] <= 3 * 1024


def test_all_runs_are_green(demo: Demo) -> None:
    with AirflowApi(demo.config.airflow_url, "viewer", demo.config.airflow_password("viewer")) as viewer:
        deadline = time.monotonic() + 120
        runs = viewer.runs(limit=100)
        while any(r["state"] in ("queued", "running") for r in runs):  # a schedule may just have begun one
            assert time.monotonic() < deadline, "some run does not end"
            time.sleep(1)
            runs = viewer.runs(limit=100)
        assert len(runs) > 12
        assert [(r["dag_id"], r["state"]) for r in runs if r["state"] != "success"] == []


def test_no_derived_name_or_address_is_in_clear(demo: Demo, tmp_path: Path) -> None:
    """Dumps of both databases and every log, searched for the names and addresses that the customers' files hold."""
    import csv

    words: set[bytes] = set()
    for path in (demo.home / "landing/customers").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as f:
            for row in csv.DictReader(f):
                words |= {row["email"].lower().encode(), f"{row['given_name']} {row['family_name']}".lower().encode()}
    words -= {b"", b" "}
    assert len(words) > 3_000
    texts = {f"dump of {db}": _dump(demo, db) for db in ("warehouse", METADATA)}
    texts |= {str(f): f.read_bytes() for f in demo.home.rglob("*.log")}
    assert len(texts) > 20
    list_of_words = tmp_path / "words"
    list_of_words.write_bytes(b"\n".join(sorted(words)))
    assert _found(list_of_words, b"--" + max(words) + b"--")
    for where, text in texts.items():
        assert not _found(list_of_words, text.lower()), where


def _found(list_of_words: Path, text: bytes) -> bytes:
    """The first of the words that stands in the text. Some thousand words in a gigabyte: grep reads it once."""
    command = ["grep", "--fixed-strings", "--text", "--only-matching", "--max-count=1", "--file", str(list_of_words)]
    done = subprocess.run(command, input=text, capture_output=True, check=False, env=os.environ | {"LC_ALL": "C"})
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def _dump(demo: Demo, database: str) -> bytes:
    done = subprocess.run(
        [str(binaries() / "pg_dump"), server(demo.config).dsn(database)], capture_output=True, check=True
    )
    assert len(done.stdout) > 100_000
    return done.stdout
