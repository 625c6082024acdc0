"""A run of the clusters: it finds who is alike, keeps their numbers, does not know the future, and survives bad data."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from itertools import pairwise
from zoneinfo import ZoneInfo

import psycopg
import pytest

from integration.segments.cluster_shop import DAY, KINDS, Kind, add_customers, departments, open_shop
from marketflow.segments.clusters import cluster_customers, learn
from marketflow.segments.clusters.features import Span, read_features, read_outcomes, read_spending
from marketflow.shared import Clock
from marketflow.warehouse import ModelSummary
from table_rows import give

EACH = 20


@pytest.fixture
def kinds(conn: psycopg.Connection) -> psycopg.Connection:
    """A shop with three kinds of customers."""
    open_shop(conn, each=EACH)
    return conn


def clusters(conn: psycopg.Connection, run: ModelSummary) -> dict[int, int]:
    """The cluster of each customer."""
    found = conn.execute("SELECT customer_id, cluster_id FROM models.clusters WHERE run_id = %s", [run.run_id])
    return {int(customer): int(cluster) for customer, cluster in found}


def profiles(conn: psycopg.Connection, run: ModelSummary) -> dict[int, tuple]:
    """(name, is_new, customers) of each cluster."""
    query = "SELECT cluster_id, name, is_new, customers FROM models.cluster_profiles WHERE run_id = %s"
    return {row[0]: row[1:] for row in conn.execute(query, [run.run_id])}


def test_who_buys_alike_is_together(kinds: psycopg.Connection, clock: Clock) -> None:
    run = cluster_customers(kinds, clock=clock)
    found = clusters(kinds, run)
    assert len(found) == run.rows == 3 * EACH
    groups = [{found[n] for n in range(1 + k * EACH, 1 + (k + 1) * EACH)} for k in range(3)]
    assert [len(g) for g in groups] == [1, 1, 1]
    assert set.union(*groups) == {1, 2, 3}
    names = {cluster: name for cluster, (name, *_) in profiles(kinds, run).items()}
    best, fuel, rare = (names[group.pop()] for group in groups)
    assert "much meat" in best
    assert "much fuel" in fuel
    assert rare.startswith("Occasional")
    assert found[1] == 1  # the first number goes to whom most of the revenue is of


def test_what_a_run_stores(kinds: psycopg.Connection, clock: Clock) -> None:
    run = cluster_customers(kinds, clock=clock, k_min=2, k_max=5)
    shares = kinds.execute(
        "SELECT sum(share), sum(revenue_share), sum(customers) FROM models.cluster_profiles WHERE run_id = %s",
        [run.run_id],
    ).fetchone()
    assert shares == (pytest.approx(1), pytest.approx(1), 60)
    tried = kinds.execute(
        "SELECT k, is_chosen, sample_size FROM models.cluster_choices WHERE run_id = %s ORDER BY k", [run.run_id]
    ).fetchall()
    assert tried == [(k, k == 3, 60) for k in (2, 3, 4, 5)]
    assert run.metrics["k"] == 3
    meat = kinds.execute(
        "SELECT mean, overall_mean, difference FROM models.cluster_features "
        "WHERE run_id = %s AND cluster_id = 1 AND feature = 'share of MEAT'",
        [run.run_id],
    ).fetchone()
    assert meat == (pytest.approx(1 / 3), pytest.approx(1 / 9), pytest.approx(math.sqrt(2)))
    points = kinds.execute("SELECT count(*), avg(x), avg(y) FROM models.cluster_points WHERE run_id = %s", [run.run_id])
    assert points.fetchone() == (60, pytest.approx(0, abs=1e-9), pytest.approx(0, abs=1e-9))
    book = kinds.execute("SELECT parameters, state FROM models.runs WHERE run_id = %s", [run.run_id]).fetchone()
    assert book[0]["seed"] == learn.SEED
    assert book[1] == "done"


def test_a_run_is_measured_beside_its_baselines(kinds: psycopg.Connection, clock: Clock) -> None:
    run = cluster_customers(kinds, clock=clock)
    scores = run.metrics["scores"]
    deciding = [(s["metric"], s["baseline"]) for s in scores if s["decides"]]
    assert deciding == [
        ("explained_variance", "RFM segments"),
        ("explained_variance", "as many groups by the sum of RFM scores"),
        ("silhouette", "the same columns shuffled"),
        ("stability", "the least that counts as the same clusters"),
    ]
    assert scores[0]["split"] == "learnt until 2017-11-05, measured until 2017-12-31"
    aspects = [s["ours"] for s in scores if s["metric"].startswith("explained_variance_") and s["baseline"][0] == "R"]
    assert scores[0]["ours"] == pytest.approx(sum(aspects) / len(aspects), abs=1e-5)
    assert run.published is all(s["better"] for s in scores if s["decides"]) is True


@pytest.mark.parametrize("method", ["kmeans", "minibatch", "hierarchical"])
@pytest.mark.parametrize("distance", ["euclidean", "manhattan"])
def test_every_method_finds_them(kinds: psycopg.Connection, clock: Clock, method: str, distance: str) -> None:
    run = cluster_customers(kinds, clock=clock, method=method, distance=distance)
    assert sorted(customers for _, _, customers in profiles(kinds, run).values()) == [EACH] * 3
    assert (run.metrics["method"], run.metrics["distance"]) == (method, distance)


def test_numbers_and_names_stay_from_run_to_run(
    kinds: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cluster_customers(kinds, clock=clock)
    before = profiles(kinds, first)
    for seed in (3, 4, 5):  # other seeds, a day later, other customers of each kind, and some who stopped buying
        monkeypatch.setattr(learn, "SEED", seed)
        kinds.execute("DELETE FROM core.orders WHERE customer_id = %s", [seed])
        add_customers(kinds, KINDS[seed % 3], 1_000 * seed, 4, seed=seed)
        clock = dataclasses.replace(clock, pinned_day=DAY + dt.timedelta(days=seed))
        run = cluster_customers(kinds, clock=clock, k_min=2, k_max=6)
        assert run.published
        assert {number: p[:1] for number, p in profiles(kinds, run).items()} == {n: p[:1] for n, p in before.items()}
        assert not any(is_new for _, is_new, _ in profiles(kinds, run).values())
        earlier, now = clusters(kinds, first), clusters(kinds, run)
        assert all(now[customer] == earlier[customer] for customer in now.keys() & earlier.keys())
        assert set(run.metrics["kept"]) == {"1", "2", "3"}


def test_a_new_cluster_has_a_new_number_and_a_lost_one_is_not_given_again(
    kinds: psycopg.Connection, clock: Clock
) -> None:
    first = cluster_customers(kinds, clock=clock)
    toys = Kind(every=30, amount=300, hour=20, departments=("TOYS",))
    add_customers(kinds, toys, 5_000, EACH)
    second = cluster_customers(kinds, clock=clock, k_min=4, k_max=4)
    assert second.published
    kept, now = clusters(kinds, first), clusters(kinds, second)
    assert {now[n] for n in range(5_000, 5_000 + EACH)} == {4}
    assert all(now[n] == kept[n] for n in kept)
    assert [p[1] for _, p in sorted(profiles(kinds, second).items())] == [False, False, False, True]
    assert second.metrics["new"] == [4]
    kinds.execute("DELETE FROM core.orders WHERE customer_id >= 5000")
    third = cluster_customers(kinds, clock=clock, k_min=3, k_max=3)
    assert third.published
    assert set(profiles(kinds, third)) == {1, 2, 3}
    add_customers(kinds, dataclasses.replace(toys, departments=("DRUGS",)), 7_000, EACH)
    fourth = cluster_customers(kinds, clock=clock, k_min=4, k_max=4)
    assert {clusters(kinds, fourth)[n] for n in range(7_000, 7_000 + EACH)} == {5}


def test_runs_of_the_past_and_tests_are_stored_and_change_nothing(kinds: psycopg.Connection, clock: Clock) -> None:
    first = cluster_customers(kinds, clock=clock)
    past = cluster_customers(kinds, clock=clock, as_of=DAY - dt.timedelta(days=30))
    test = cluster_customers(kinds, clock=clock, is_test=True)
    assert (past.published, test.published) == (False, False)
    assert past.rows == test.rows == 60
    pointer = kinds.execute("SELECT run_id FROM models.published WHERE model = 'clusters'").fetchone()
    assert pointer == (first.run_id,)


def test_features_do_not_know_the_future(kinds: psycopg.Connection) -> None:
    """Row by row the same as from a warehouse that ends on that day; and so is what a run writes."""
    from pandas.testing import assert_frame_equal

    past = DAY - dt.timedelta(days=40)
    later = [{"product_id": 7, "external_id": "p7", "department": "FURNITURE"}]
    give(kinds, "core.products", later)  # a category that is seen only afterwards
    give(kinds, "core.orders", [{"order_id": 9, "external_id": "o9", "customer_id": 3, "ordered_on": DAY, "revenue": 9_999, "base_revenue": 9_999}])  # fmt: skip
    give(kinds, "core.order_lines", [{"order_id": 9, "product_id": 7, "amount": 9_999}])
    span = Span(as_of=past, cut=past - dt.timedelta(days=56), window_days=100, time_zone=ZoneInfo("America/New_York"))
    clock = Clock(time_zone=span.time_zone, pinned_day=DAY)

    def seen() -> list:
        read_spending(kinds, span)
        frames = [read_features(kinds, span), read_features(kinds, span, at_cut=True), read_outcomes(kinds, span)]
        run = cluster_customers(kinds, clock=clock, as_of=past, window_days=100)
        members = "SELECT customer_id, cluster_id, distance FROM models.clusters WHERE run_id = %s ORDER BY 1"
        return [*frames, kinds.execute(members, [run.run_id]).fetchall(), run.metrics["scores"]]

    with kinds.transaction(force_rollback=True):
        before = seen()
    kinds.execute("DELETE FROM core.orders WHERE ordered_on > %s", [past])
    with kinds.transaction(force_rollback=True):
        after = seen()
    for one, other in zip(before[:3], after[:3], strict=True):
        assert len(one) > 50
        assert_frame_equal(one, other, check_exact=True)
    assert [row[0] for row in before[3]] == [row[0] for row in after[3]]
    assert before[3] == after[3]
    assert before[4] == after[4]


def test_the_periods_add_up(kinds: psycopg.Connection) -> None:
    """What is added up once for all periods is what a look at each of them alone finds."""
    from pandas.testing import assert_frame_equal

    cut = DAY - dt.timedelta(days=56)
    both = Span(as_of=DAY, cut=cut, window_days=90, time_zone=ZoneInfo("UTC"))
    read_spending(kinds, both)
    then, after = read_features(kinds, both, at_cut=True), read_outcomes(kinds, both)
    alone = dataclasses.replace(both, as_of=cut, cut=cut - dt.timedelta(days=56))
    read_spending(kinds, alone)
    assert_frame_equal(then, read_features(kinds, alone))
    weeks = dataclasses.replace(both, window_days=56)
    read_spending(kinds, weeks)
    wanted = read_features(kinds, weeks)
    assert_frame_equal(after[sorted(after)], wanted[wanted["customer_id"].isin(after["customer_id"])][sorted(after)].reset_index(drop=True))  # fmt: skip


def test_a_sample_is_drawn_by_number_and_stays(kinds: psycopg.Connection) -> None:
    span = Span(as_of=DAY, cut=DAY - dt.timedelta(days=56), window_days=180, time_zone=ZoneInfo("UTC"))
    read_spending(kinds, span)
    whole, some, again = (read_features(kinds, span, most=most) for most in (None, 30, 30))
    assert 15 < len(some) < 45
    assert some.equals(again)
    assert set(some["customer_id"]) < set(whole["customer_id"])


def test_guests_and_those_who_are_somebody_else_are_in_no_cluster(kinds: psycopg.Connection, clock: Clock) -> None:
    kinds.execute("UPDATE core.customers SET merged_into = 2 WHERE customer_id = 1")
    give(kinds, "core.orders", [{"order_id": 9, "external_id": "g", "ordered_on": DAY, "base_revenue": 5}])
    assert 1 not in clusters(kinds, cluster_customers(kinds, clock=clock))


def test_people_are_as_they_were_known_that_day(conn: psycopg.Connection) -> None:
    departments(conn)
    add_customers(conn, KINDS[0], 1, 5)
    give(conn, "core.customer_identifiers", [{"external_id": f"c{n}", "customer_id": n} for n in (1, 2, 3, 4)])
    changes = [
        ("c1", "2017-01-01", "2018-02-01", "19-24", False),
        ("c1", "2018-02-01", None, "25-34", False),  # later than the day
        ("c2", "2018-03-01", "2018-04-01", "35-44", False),  # the first that was ever known holds before it
        ("c2", "2018-04-01", None, "65+", False),
        ("c3", "2017-05-01", None, "45-54", True),  # deleted
    ]
    give(
        conn, "core.customer_versions",
        [{"external_id": c, "valid_from": f"{a}T00:00:00Z", "valid_to": b and f"{b}T00:00:00Z", "age_band": band, "is_deleted": d} for c, a, b, band, d in changes],
    )  # fmt: skip
    span = Span(as_of=DAY, cut=DAY, window_days=365, time_zone=ZoneInfo("UTC"))
    read_spending(conn, span)
    ages = read_features(conn, span).set_index("customer_id")["age"]
    assert ages.loc[[1, 2]].tolist() == [21.5, 39.5]
    assert ages.loc[[3, 4, 5]].isna().all()


def test_not_being_known_makes_no_cluster(kinds: psycopg.Connection, clock: Clock) -> None:
    """Of half of each kind something is known: the clusters stay those of how they buy."""
    known = [n for n in range(1, 3 * EACH + 1) if n % 2]
    give(kinds, "core.customer_identifiers", [{"external_id": f"c{n}", "customer_id": n} for n in known])
    told = [{"external_id": f"c{n}", "age_band": ("19-24", "65+")[n % 4 // 2], "kids_count": "0"} for n in known]
    give(kinds, "core.customer_versions", told)
    run = cluster_customers(kinds, clock=clock)
    assert sorted(p[2] for p in profiles(kinds, run).values()) == [EACH] * 3
    assert "age" in run.metrics["features"]


def test_the_evening_is_the_customers_own(kinds: psycopg.Connection) -> None:
    kinds.execute("UPDATE core.customers SET time_zone = 'Asia/Tokyo' WHERE customer_id = 1")  # 18:30 UTC is 03:30
    span = Span(as_of=DAY, cut=DAY, window_days=90, time_zone=ZoneInfo("UTC"))
    read_spending(kinds, span)
    assert read_features(kinds, span).set_index("customer_id")["evening_share"].loc[[1, 2]].tolist() == [0, 1]


BAD = {
    "the newest orders are of 2017-09-0": "UPDATE core.orders SET ordered_on = ordered_on - 120",
    "nobody bought anything in the 365 days": "DELETE FROM core.orders",
    "1 customers bought something in the 365 days, of whom 1 differ": "DELETE FROM core.orders WHERE customer_id > 1",
    "clusters need at least 4 customers": "DELETE FROM core.orders WHERE customer_id > 3",
    "60 customers bought something in the 365 days, of whom 1 differ": (
        "DELETE FROM core.orders WHERE order_id NOT IN (SELECT min(order_id) FROM core.orders GROUP BY customer_id);"
        "UPDATE core.orders SET ordered_on = '2017-12-28', ordered_at = '2017-12-28T12:00:00Z', revenue = 9, base_revenue = 9,"
        " line_count = 1, discount = 0; DELETE FROM core.baskets"
    ),
}


@pytest.mark.parametrize("reason", BAD)
def test_too_little_is_refused_in_words(kinds: psycopg.Connection, clock: Clock, reason: str) -> None:
    first = cluster_customers(kinds, clock=clock)
    kinds.execute(BAD[reason])
    run = cluster_customers(kinds, clock=clock)
    assert reason in (run.reason or "")
    assert (run.rows, run.published) == (0, False)
    assert kinds.execute("SELECT state FROM models.runs WHERE run_id = %s", [run.run_id]).fetchone() == ("refused",)
    assert profiles(kinds, run) == {}
    assert kinds.execute("SELECT run_id FROM models.published").fetchone() == (first.run_id,)


ODD = {
    "all brought back": "UPDATE core.orders SET kind = 'return', base_revenue = -base_revenue WHERE customer_id = 1 AND order_id % 2 = 0",
    "below zero": "UPDATE core.orders SET base_revenue = -5000 WHERE customer_id BETWEEN 1 AND 30",
    "no rate": "UPDATE core.orders SET base_revenue = NULL",
    "free": "UPDATE core.orders SET base_revenue = 0, revenue = 0; DELETE FROM core.baskets",
    "no lines": "DELETE FROM core.baskets",
    "no departments": "UPDATE core.products SET department = NULL",
    "one day": "UPDATE core.orders SET ordered_on = '2017-12-31'",
    "few": "DELETE FROM core.orders WHERE customer_id NOT IN (1, 2, 21, 22, 41, 42)",
}


@pytest.mark.parametrize("what", ODD)
def test_odd_data_are_no_crash_and_leave_no_nan(kinds: psycopg.Connection, clock: Clock, what: str) -> None:
    kinds.execute(ODD[what])
    run = cluster_customers(kinds, clock=clock, k_min=4, k_max=8)
    assert run.rows in {6, 60}
    for table, columns in (
        ("clusters", ["distance"]), ("cluster_profiles", ["share", "revenue_share"]), ("cluster_points", ["x", "y"]),
        ("cluster_features", ["mean", "overall_mean", "difference"]),
        ("cluster_choices", ["silhouette", "calinski_harabasz", "stability"]),
    ):  # fmt: skip
        for row in kinds.execute(f"SELECT {', '.join(columns)} FROM models.{table} WHERE run_id = %s", [run.run_id]):
            assert all(value is None or math.isfinite(value) for value in row)
    shares = [row[0] for row in kinds.execute("SELECT revenue_share FROM models.cluster_profiles")]
    assert all(0 <= share <= 1 for share in shares)
    if what == "few":
        assert run.metrics["k"] <= 3  # fewer than asked for: two customers a cluster at least


def test_a_thousand_orders_in_a_day(kinds: psycopg.Connection, clock: Clock) -> None:
    kinds.execute(
        "INSERT INTO core.orders (order_id, source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, "
        "discount, currency, file_id, kind, base_revenue) OVERRIDING SYSTEM VALUE SELECT 900000 + g, 'shop', 'm' || g, 60, '2017-12-30T12:00:00Z', "
        "'2017-12-30', 1, 1000, 0, 'USD', 1, 'sale', 1000 FROM generate_series(1, 1000) AS g"
    )
    run = cluster_customers(kinds, clock=clock)
    found = clusters(kinds, run)
    assert len({found[n] for n in range(1, EACH + 1)}) == len({found[n] for n in range(21, 21 + EACH)}) == 1


@pytest.mark.parametrize(
    "asked", [{"k_min": 1}, {"k_min": 5, "k_max": 4}, {"k_max": 51}, {"window_days": 0}, {"method": "dbscan"}, {"distance": "cosine"}]
)  # fmt: skip
def test_what_cannot_be_done_is_said_at_once(conn: psycopg.Connection, clock: Clock, asked: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        cluster_customers(conn, clock=clock, **asked)
    assert conn.execute("SELECT count(*) FROM models.runs").fetchone() == (0,)


def test_where_there_are_no_clusters_none_are_published(conn: psycopg.Connection, clock: Clock) -> None:
    """Customers who buy by dice, each other by the same ones: what is found in one sample is not found in another."""
    conn.execute(
        "INSERT INTO core.customers (customer_id, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE "
        "SELECT g, '2017-01-01', '2017-01-01' FROM generate_series(1, 300) AS g"
    )
    conn.execute("SELECT setseed(0.5)")
    conn.execute(
        "INSERT INTO core.orders (order_id, source, external_id, customer_id, ordered_at, ordered_on, line_count, "
        "revenue, discount, currency, file_id, kind, base_revenue) OVERRIDING SYSTEM VALUE SELECT g, 'shop', 'r' || g, "
        "1 + (299 * random())::integer, '2017-06-01', '2017-12-31'::date - (180 * random())::integer, "
        "1 + (9 * random())::integer, 20 + 9 * random(), 2 * random(), 'USD', 1, 'sale', 20 + 9 * random() "
        "FROM generate_series(1, 3000) AS g"
    )
    run = cluster_customers(conn, clock=clock)
    assert run.rows > 290
    assert not run.published
    assert "stability" in (run.reason or "")


def test_the_number_of_clusters_does_not_go_to_and_fro(kinds: psycopg.Connection, clock: Clock) -> None:
    runs = [cluster_customers(kinds, clock=clock, k_min=2, k_max=6) for _ in range(3)]
    assert all(one.metrics["k"] == two.metrics["k"] for one, two in pairwise(runs))
    assert runs[2].metrics["k_rule"].startswith("as before")
