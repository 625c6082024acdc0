"""A warehouse of the version before: runs of models, what reads them, and who may."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from marketflow.embedded.postgres import Server
from marketflow.shared import Clock
from marketflow.warehouse import build_marts, drop_old_runs, migrate, queries
from old_warehouse import NOW, warehouse_of
from table_rows import give, have

RUNS_TOGETHER = 12  # the last at which the rows of RFM's runs lie in one table
RULES_WITH_LISTS = 14  # the last at which a run of product_recommendations mines rules too
SCORES = {"recency_score": 1, "frequency_score": 1, "monetary_score": 1}
# Two runs, of which the first is published.
RUNS = """
INSERT INTO models.runs (run_id, model, as_of, started_at) OVERRIDING SYSTEM VALUE
VALUES (3, 'rfm', '2017-06-01', '2017-06-02Z'), (5, 'rfm', '2017-06-02', '2017-06-03Z');
SELECT setval(pg_get_serial_sequence('models.runs', 'run_id'), 5);
INSERT INTO models.published (model, run_id, published_at) VALUES ('rfm', 3, '2017-06-02Z');
INSERT INTO models.rfm (
    run_id, customer_id, recency_days, frequency, monetary, first_order_on, last_order_on, recency_score, frequency_score,
    monetary_score, segment
)
SELECT r, c, 0, 1, 1, '2017-06-01', '2017-06-01', 1, 1, 1, 'old' FROM unnest(ARRAY[3, 5]) AS r, unnest(ARRAY[1, 2]) AS c;
"""


def test_runs_of_models_stay_and_others_follow(pg_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with warehouse_of(RUNS_TOGETHER, pg_server, monkeypatch) as conn:
        conn.execute(RUNS)
        before = have(conn, "models.rfm", [])
        migrate(conn, NOW)
        assert have(conn, "models.rfm", []) == before
        assert len(before) == 4
        give(conn, "models.rfm", [{"run_id": 6, "customer_id": 1, "segment": "new"} | SCORES])
        assert have(conn, "models.rfm", ["run_id", "segment"])[-1] == '{"run_id": 6, "segment": "new"}'
        conn.execute("DELETE FROM models.rfm WHERE run_id = 3")
        assert have(conn, "models.rfm", ["run_id"]) == ['{"run_id": 5}', '{"run_id": 5}', '{"run_id": 6}']


def test_what_reads_the_runs_is_named_and_rights_are_kept(pg_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with warehouse_of(RUNS_TOGETHER, pg_server, monkeypatch) as conn:
        conn.execute("CREATE VIEW public.mine AS SELECT customer_id FROM models.rfm")
        conn.execute("GRANT SELECT ON models.rfm TO marketflow_analyst")
        conn.commit()
        with pytest.raises(psycopg.errors.RaiseException, match="mine would not see"):
            migrate(conn, NOW)
        conn.rollback()
        conn.execute("DROP VIEW public.mine")
        migrate(conn, NOW)
        may = conn.execute("SELECT has_table_privilege('marketflow_analyst', 'models.rfm', 'SELECT')").fetchone()
        assert may == (True,)


# Of two runs the later is published. Pasta and sauce go together; the lists of Ann and Bob name them.
LISTS_AND_RULES = """
INSERT INTO core.customers (customer_id, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE
VALUES (1, '2017-06-01Z', '2017-06-01Z'), (2, '2017-06-01Z', '2017-06-01Z');
INSERT INTO core.products (product_id, source, external_id, department, product_type, in_catalogue, updated_at)
OVERRIDING SYSTEM VALUE VALUES
(1, 'shop', 'p', 'GROCERY', 'PASTA', TRUE, '2017-06-01Z'), (2, 'shop', 'q', 'GROCERY', 'SAUCE', TRUE, '2017-06-01Z');
INSERT INTO models.runs (run_id, model, as_of, started_at, finished_at, state) OVERRIDING SYSTEM VALUE
SELECT n, 'product_recommendations', '2017-12-31', '2018-01-01Z', '2018-01-01Z', 'done' FROM generate_series(1, 2) AS n;
SELECT setval(pg_get_serial_sequence('models.runs', 'run_id'), 2);
INSERT INTO models.published (model, run_id, published_at) VALUES ('product_recommendations', 2, '2018-01-01Z');
INSERT INTO models.association_rules (run_id, antecedents, consequents, support, confidence, lift, baskets)
SELECT n, ARRAY[a], ARRAY[3 - a], 0.25, 0.5, 1.5, 10 FROM generate_series(1, 2) AS n, generate_series(1, 2) AS a;
INSERT INTO models.product_recommendations (run_id, customer_id, rank, product_id, score)
SELECT n, c, 1, c, 0.5 FROM generate_series(1, 2) AS n, generate_series(1, 2) AS c;
INSERT INTO marts.related_products
VALUES (1, 1, 2, 'Sauce', 0.25, 0.5, 1.5, 2), (2, 1, 1, 'Pasta', 0.25, 0.5, 1.5, 2);
INSERT INTO marts.product_recommendations
SELECT c, 1, c, 'x', 0.5, 'popular with our customers', 2 FROM generate_series(1, 2) AS c;
GRANT SELECT ON models.association_rules TO marketflow_analyst WITH GRANT OPTION;
GRANT SELECT (product_id, "rank"), UPDATE (score) ON models.product_recommendations TO marketflow_sender;
"""
RELATED = [
    "product_id", "rank", "related_product_id", "related_product_name", "support", "confidence", "lift", "model_run_id"
]  # fmt: skip
DROPPABLE = ("association_rules", "product_recommendations")


@pytest.fixture
def listed(pg_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A warehouse with lists and rules of the version before, not migrated yet."""
    with warehouse_of(RULES_WITH_LISTS, pg_server, monkeypatch) as conn:
        conn.execute(LISTS_AND_RULES)
        conn.commit()
        yield conn


def test_what_is_bought_together_stays_until_rules_are_mined_anew(listed: psycopg.Connection, clock: Clock) -> None:
    before = have(listed, "marts.related_products", RELATED)
    assert len(before) == 2
    migrate(listed, NOW)
    build_marts(listed, clock=clock, force=True)
    assert have(listed, "marts.related_products", RELATED) == before
    scores = listed.execute("SELECT DISTINCT relation, score FROM marts.related_products").fetchall()
    assert scores == [("bought_together", 0.75)]
    rules = listed.execute("SELECT level, antecedents, leverage FROM marts.association_rules ORDER BY 2").fetchall()
    assert [row[:2] for row in rules] == [("product", ["Pasta"]), ("product", ["Sauce"])]
    assert rules[0][2] == pytest.approx(0.25 - 0.25 / 1.5)
    lists = listed.execute(
        "SELECT customer_id, list, rank, product_id, model_run_id FROM marts.product_recommendations"
    )
    assert sorted(lists) == [(1, "discover", 1, 1, 2), (2, "discover", 1, 2, 2)]
    totals = listed.execute(queries("embedded")["totals"]).fetchone()
    assert totals is not None
    assert totals[3] == 2, "rules are counted once"


def test_lists_without_rules_publish_none(listed: psycopg.Connection) -> None:
    listed.execute("DELETE FROM models.association_rules WHERE run_id = 2")
    migrate(listed, NOW)
    assert listed.execute("SELECT model FROM models.published").fetchall() == [("product_recommendations",)]


def test_rights_to_columns_and_to_grant_are_kept(listed: psycopg.Connection) -> None:
    query = """
    SELECT
        has_table_privilege('marketflow_analyst', 'models.association_rules', 'SELECT WITH GRANT OPTION'),
        has_table_privilege('marketflow_sender', 'models.product_recommendations', 'SELECT'),
        has_column_privilege('marketflow_sender', 'models.product_recommendations', 'rank', 'SELECT'),
        has_column_privilege('marketflow_sender', 'models.product_recommendations', 'product_id', 'SELECT'),
        has_column_privilege('marketflow_sender', 'models.product_recommendations', 'customer_id', 'SELECT'),
        has_column_privilege('marketflow_sender', 'models.product_recommendations', 'score', 'UPDATE'),
        has_column_privilege('marketflow_sender', 'models.product_recommendations', 'score', 'UPDATE WITH GRANT OPTION')
    """
    before = listed.execute(query).fetchall()
    assert before == [(True, False, True, True, False, True, False)]
    migrate(listed, NOW)
    assert listed.execute(query).fetchall() == before


def test_the_runs_of_before_go_together_when_none_is_read(listed: psycopg.Connection, clock: Clock) -> None:
    migrate(listed, NOW)
    assert drop_old_runs(listed, clock, 90) == {"dropped": 0, "left": 0}, "they are published"
    for model in DROPPABLE:
        give(listed, "models.runs", [{"run_id": 3 + DROPPABLE.index(model), "model": model, "state": "done"}])
    listed.execute("UPDATE models.published SET run_id = 3 WHERE model = 'association_rules'")
    listed.execute("UPDATE models.runs SET finished_at = %s WHERE run_id = 1", [clock.now()])
    assert drop_old_runs(listed, clock, 90) == {"dropped": 0, "left": 0}, "one is young"
    listed.execute("UPDATE models.runs SET finished_at = '2018-01-01Z' WHERE run_id = 1")
    assert drop_old_runs(listed, clock, 90) == {"dropped": 1, "left": 0}
    assert have(listed, "models.association_rules", ["run_id"]) == []
    assert len(have(listed, "models.product_recommendations", [])) == 4, "these are still read"
    listed.execute("UPDATE models.published SET run_id = 4 WHERE model = 'product_recommendations'")
    assert drop_old_runs(listed, clock, 90) == {"dropped": 1, "left": 0}
    give(listed, "models.product_recommendations", [
        {"run_id": 4, "customer_id": 1, "rank": 1, "product_id": 1, "score": 0.5}
    ])  # fmt: skip
    assert have(listed, "models.product_recommendations", ["run_id"]) == ['{"run_id": 4}']
