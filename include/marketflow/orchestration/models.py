"""The bodies of the models' tasks. A skip means: nothing to do, or a run that is stored and not published, and why."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from marketflow.orchestration.connections import warehouse
from marketflow.orchestration.defaults import as_date
from marketflow.orchestration.jobs import idle
from marketflow.shared import ConfigurationError, DefinitionError, settings
from marketflow.warehouse import advance, position, queries

if TYPE_CHECKING:
    import psycopg

    from marketflow.warehouse import ModelSummary

    Model = Callable[[psycopg.Connection], ModelSummary]

log = logging.getLogger(__name__)


def segment(*, as_of: str | None, window_days: int, scoring: str, is_test: bool, force: bool) -> dict[str, Any]:
    """Score and name the customers by recency, frequency and monetary value."""
    from marketflow.segments import segment_customers

    def model(conn: Any) -> ModelSummary:
        return segment_customers(
            conn, clock=settings().clock(), as_of=as_date(as_of), window_days=window_days, scoring=scoring,
            is_test=is_test,
        )  # fmt: skip

    return _learn("segment_customers", "rfm", model, always=force, aside=is_test or as_of is not None)


def remember() -> dict[str, int]:
    """Write down who came into which segment, and who left it, unless that is done; wakes the marts for what is new."""
    from marketflow.segments import remember_segments

    with warehouse() as conn:
        done = remember_segments(conn, clock=settings().clock())
        conn.commit()
        marts, changes = position(conn, "build_marts")
    if marts >= changes:
        idle("the published segments are remembered, and the marts have seen them")
    return done


def cluster(*, as_of: str | None, is_test: bool, force: bool, **asked: Any) -> dict[str, Any]:
    """Find groups of customers who buy alike."""
    from marketflow.segments import cluster_customers

    def model(conn: Any) -> ModelSummary:
        return cluster_customers(conn, clock=settings().clock(), as_of=as_date(as_of), is_test=is_test, **asked)

    return _learn("cluster_customers", "clusters", model, always=force, aside=is_test or as_of is not None)


def recommend(model: str, *, as_of: str | None, is_test: bool, force: bool, **asked: Any) -> dict[str, Any]:
    """Run one of the recommenders: association_rules, product_recommendations or related_products."""
    from marketflow import recommenders

    doors: dict[str, Callable[..., ModelSummary]] = {
        "association_rules": recommenders.mine_association_rules,
        "product_recommendations": recommenders.recommend_products,
        "related_products": recommenders.relate_products,
    }

    def run(conn: Any) -> ModelSummary:
        return doors[model](conn, clock=settings().clock(), as_of=as_date(as_of), is_test=is_test, **asked)

    # what is for sale changes with every feed of the stock, and is left out by the marts; texts change the likeness
    watched = ["day", "product"] if model == "related_products" else ["day"]
    aside = is_test or as_of is not None
    return _learn(model, None, run, always=force, aside=aside, watched=watched, at_first=["product"])


def recommend_campaigns(*, as_of: str | None, is_test: bool, force: bool, **asked: Any) -> dict[str, Any]:
    """Say which campaign is for whom."""
    from marketflow.recommenders import campaigns

    def model(conn: Any) -> ModelSummary:
        return campaigns.recommend_campaigns(
            conn, clock=settings().clock(), as_of=as_date(as_of), is_test=is_test, **asked
        )

    name = "campaign_recommendations"
    return _learn(name, name, model, always=force, aside=is_test or as_of is not None)


def foresee(model: str, *, as_of: str | None, is_test: bool, force: bool, **asked: Any) -> dict[str, Any]:
    """Run one of the predictions: customer_values, churn_risks, next_orders, send_times or sales_forecasts."""
    from marketflow import predictions

    doors: dict[str, Callable[..., ModelSummary]] = {
        "customer_values": predictions.value_customers,
        "churn_risks": predictions.foresee_churn,
        "next_orders": predictions.foresee_next_orders,
        "send_times": predictions.find_send_times,
        "sales_forecasts": predictions.forecast_sales,
    }
    if model == "sales_forecasts":
        asked["country"] = settings().country

    def run(conn: Any) -> ModelSummary:
        return doors[model](conn, clock=settings().clock(), as_of=as_date(as_of), is_test=is_test, **asked)

    return _learn(model, model, run, always=force, aside=is_test or as_of is not None)


def draw_segments() -> list[str]:
    """Draw the pictures of segments and clusters."""
    from marketflow.segments import draw_segments as draw

    with warehouse() as conn:
        return draw(conn, clock=settings().clock(), currency=settings().currency)


def draw_forecasts() -> list[str]:
    """Draw the pictures of the forecast."""
    from marketflow.predictions import draw_forecasts as draw

    with warehouse() as conn:
        return draw(conn, clock=settings().clock(), currency=settings().currency)


def announce() -> None:
    """Wake the marts when a run was published that they have not seen."""
    with warehouse() as conn:
        seen, newest = position(conn, "build_marts", ["model"])
    if seen >= newest:
        idle("no run was published that the marts have not seen")


def _learn(
    consumer: str,
    of_the_day: str | None,
    model: Model,
    *,
    always: bool,
    aside: bool,
    watched: Sequence[str] = ("day", "product"),
    at_first: Sequence[str] = (),
) -> dict[str, Any]:
    """Run a model when orders or products have changed since its last run, or with `of_the_day` for each new day.

    watched: the changes that count, those of orders' days and of products. at_first: those that count besides until a
    run has been published, as the files of a new warehouse come in any order. of_the_day: the model's name; it runs too
    when there is no run of it of the business day. aside: a test, or a run as of another day, which has not done the
    work that was woken. Other changes (a customer's record, behaviour) need no new run, but the marts have to hear of
    them.
    """
    with warehouse() as conn:
        if at_first and not _is_published(conn, consumer):
            watched = [*watched, *at_first]
        seen, newest = position(conn, consumer, list(watched))
        if seen >= newest and not (always or aside) and not _is_new_day(conn, of_the_day):
            marts, changes = position(conn, "build_marts")
            if marts >= changes:
                idle("nothing has changed since the last run")
            return {"published": False}
        conn.commit()  # only read so far: the model begins its own transactions
        try:
            summary = model(conn)
        except (ConfigurationError, DefinitionError, ValueError) as wrong:  # another try would not help
            raise AirflowFailException(str(wrong)) from wrong
        if not aside:
            advance(conn, consumer, newest, settings().clock().now())
    if not summary.published:
        why = f": {summary.reason}" if summary.reason else ""
        raise AirflowSkipException(f"model run {summary.run_id} is stored, and not published{why}")
    return asdict(summary)


def _is_new_day(conn: psycopg.Connection, model: str | None) -> bool:
    """Is there no run of the model of the business day yet?"""
    if model is None:
        return False
    values = {"model": model, "day": settings().clock().business_date()}
    row = conn.execute(queries("orchestration")["ran_on"], values).fetchone()
    return row is None


def _is_published(conn: psycopg.Connection, model: str) -> bool:
    """Has any run of the model been published?"""
    return conn.execute(queries("orchestration")["published_run"], {"model": model}).fetchone() is not None
