"""A run of RFM: the same scores as ranks by hand, versioned, published only for the business day."""

from __future__ import annotations

import datetime as dt

import numpy as np
import psycopg
import pytest
from scipy.stats import rankdata

from integration.segments.conftest import fill
from marketflow.segments import load_segments, segment_customers, segment_of_triples
from marketflow.segments.rfm import _write_rules
from marketflow.segments.summaries import summaries_shown
from marketflow.shared import BatchRefused, Clock
from marketflow.warehouse import drop_old_runs, load_transforms, run_steps
from marketflow.warehouse.builds import published_runs

DAY = dt.date(2017, 12, 31)


def test_scores_are_fifths_of_ranks(shop: psycopg.Connection, clock: Clock) -> None:
    run = segment_customers(shop, clock=clock)
    rows = np.array(
        shop.execute(
            "SELECT -recency_days, frequency, monetary, recency_score, frequency_score, monetary_score "
            "FROM models.rfm WHERE run_id = %s",
            [run.run_id],
        ).fetchall(),
        dtype=float,
    )
    assert len(rows) == run.rows == 40
    for value, score in ((0, 3), (1, 4), (2, 5)):
        middle = rankdata(rows[:, value], method="average")
        assert rows[:, score].tolist() == np.ceil(5 * (middle - 0.5) / len(rows)).tolist()


def test_segments_follow_the_rules(shop: psycopg.Connection, clock: Clock) -> None:
    run = segment_customers(shop, clock=clock)
    named = segment_of_triples(load_segments())
    for r, f, m, segment in shop.execute(
        "SELECT recency_score, frequency_score, monetary_score, segment FROM models.rfm WHERE run_id = %s", [run.run_id]
    ):
        assert segment == named[r, f, m]
    assert sum(run.segments.values()) == 40
    assert shop.execute("SELECT count(*) FROM models.rfm_segment_rules").fetchone() == (125,)


def test_the_run_says_how_good_it_is_beside_its_baseline(shop: psycopg.Connection, clock: Clock) -> None:
    run = segment_customers(shop, clock=clock, window_days=60)
    asked = {"window_days": 60, "scoring": "quantile"}
    row = shop.execute(
        "SELECT model, as_of, data_from, data_to, state, parameters, metrics, baseline, row_count FROM models.runs"
    ).fetchall()
    assert row == [
        ("rfm", DAY, dt.date(2017, 11, 2), DAY, "done", asked, run.metrics, run.baseline, 40)
    ]  # and the run that measured is gone
    assert 0 <= run.metrics["auc"] <= 1
    assert 0 <= run.baseline["auc"] <= 1
    assert run.metrics["learnt_until"] == "2017-12-03"
    assert shop.execute("SELECT count(*) FROM models.rfm").fetchone() == (40,)
    assert partitions(shop) == [f"models.rfm_{run.run_id}"]


def test_only_the_published_run_is_read(shop: psycopg.Connection, clock: Clock) -> None:
    runs = [segment_customers(shop, clock=clock).run_id for _ in range(3)]
    assert partitions(shop) == [f"models.rfm_{run}" for run in runs]
    merge = load_transforms()["marts.customer_360"].steps["merge"]
    values = {"now": clock.now(), "as_of": DAY, "days": []} | published_runs(shop, clock)
    plan = "\n".join(row[0] for row in shop.execute(f"EXPLAIN {merge}", values))
    assert [part for part in partitions(shop) if f" {part[7:]} " in plan] == [f"models.rfm_{runs[-1]}"]


def test_the_rows_of_runs_that_nobody_reads_are_dropped(
    shop: psycopg.Connection, clock: Clock, warehouse_dsn: str
) -> None:
    earlier = DAY - dt.timedelta(days=1)
    replaced, published = (segment_customers(shop, clock=clock).run_id for _ in range(2))
    past, test = (segment_customers(shop, clock=clock, as_of=earlier, is_test=t).run_id for t in (False, True))
    shop.commit()
    with psycopg.connect(warehouse_dsn) as reader:
        reader.execute("SELECT FROM models.rfm LIMIT 1")
        assert drop_old_runs(shop, clock, 90) == {"dropped": 0, "left": 1}, "who reads is not disturbed"
    assert drop_old_runs(shop, clock, 90) == {"dropped": 1, "left": 0}
    assert partitions(shop) == [f"models.rfm_{run}" for run in (published, past, test)]
    shop.execute("UPDATE models.runs SET finished_at = finished_at - interval '91 days'")
    assert drop_old_runs(shop, clock, 90) == {"dropped": 2, "left": 0}
    assert partitions(shop) == [f"models.rfm_{published}"]
    assert len(rows_of(shop, published)) == 40
    book = shop.execute("SELECT array_agg(run_id ORDER BY run_id) FROM models.runs").fetchone()
    assert book == ([replaced, published, past, test],)


def test_one_missing_triple_of_125_stops_the_run(shop: psycopg.Connection) -> None:
    _write_rules(shop)
    shop.execute(
        "DELETE FROM models.rfm_segment_rules WHERE (recency_score, frequency_score, monetary_score) = (1, 5, 2)"
    )
    with summaries_shown(shop, aside=False), pytest.raises(BatchRefused, match="scores_without_segment found 1 "):
        run_steps(shop, load_transforms()["models.rfm"], {"run_id": 1, "as_of": DAY})


def test_the_past_does_not_know_the_future(shop: psycopg.Connection, clock: Clock) -> None:
    past = DAY - dt.timedelta(days=20)
    early = segment_customers(shop, clock=clock, as_of=past)
    before = rows_of(shop, early.run_id)
    shop.execute("DELETE FROM core.orders WHERE ordered_on > %s", [past])
    again = segment_customers(shop, clock=clock, as_of=past)
    assert rows_of(shop, again.run_id) == before


@pytest.mark.parametrize(
    ("as_of", "is_test", "published"),
    [(None, False, True), (DAY, False, True), (None, True, False), (DAY - dt.timedelta(1), False, False)],
)
def test_only_the_business_day_is_published(
    shop: psycopg.Connection, clock: Clock, as_of: dt.date | None, is_test: bool, published: bool
) -> None:
    first = segment_customers(shop, clock=clock)
    second = segment_customers(shop, clock=clock, as_of=as_of, is_test=is_test)
    assert second.published is published
    pointer = shop.execute("SELECT run_id FROM models.published WHERE model = 'rfm'").fetchone()
    assert pointer == ((second if published else first).run_id,)
    assert rows_of(shop, first.run_id)  # versions stay


def test_one_customer_is_in_the_middle_and_has_no_auc(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, customers=1)
    run = segment_customers(conn, clock=clock)
    assert run.rows == 1
    assert run.metrics["auc"] is None
    assert run.segments == {segment_of_triples(load_segments())[3, 3, 3]: 1}


def test_without_orders_nothing_is_published(conn: psycopg.Connection, clock: Clock) -> None:
    run = segment_customers(conn, clock=clock)
    assert (run.rows, run.published, run.segments) == (0, False, {})
    assert conn.execute("SELECT count(*) FROM models.published").fetchone() == (0,)


def partitions(conn: psycopg.Connection) -> list[str]:
    """Those of models.rfm that there are."""
    query = (
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'models.rfm'::regclass ORDER BY inhrelid"
    )
    return [row[0] for row in conn.execute(query)]


def rows_of(conn: psycopg.Connection, run_id: int) -> list[tuple]:
    query = (
        "SELECT customer_id, recency_days, frequency, monetary, first_order_on, last_order_on, segment "
        "FROM models.rfm WHERE run_id = %s ORDER BY 1"
    )
    return conn.execute(query, [run_id]).fetchall()


@pytest.mark.parametrize("customers", [1, 2, 3, 4, 5, 6, 7, 19, 60, 240])
@pytest.mark.parametrize("sums", [1, 3, 30, 10_000])
def test_scores_of_many_or_few_equal_sums(conn: psycopg.Connection, customers: int, sums: int) -> None:
    rng = np.random.default_rng(customers * sums)
    given = [
        (n, int(rng.integers(1, 6)), int(rng.integers(-2, sums)), int(rng.integers(0, 9))) for n in range(customers)
    ]
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO features.purchase_summaries VALUES (%s, %s, %s::numeric / 100, '2017-01-01', %s + date '2017-01-01')",
            given,
        )
    _write_rules(conn)
    with summaries_shown(conn, aside=False):
        run_steps(conn, load_transforms()["models.rfm"], {"run_id": 1, "as_of": DAY})
    query = "SELECT frequency_score, monetary_score, recency_score FROM models.rfm ORDER BY customer_id"
    found = np.array(conn.execute(query).fetchall())
    for column in range(3):
        middle = rankdata([row[column + 1] for row in given], method="average")
        assert found[:, column].tolist() == np.ceil(5 * (middle - 0.5) / customers).tolist()
