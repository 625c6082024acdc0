"""What people do in the demo: a marketer starts campaigns, and customers who are made up read, click and buy."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from marketflow.embedded.airflow_api import AirflowApi
from marketflow.embedded.config import Config
from marketflow.embedded.demo_progress import Progress
from marketflow.embedded.environment import pinned_settings
from marketflow.embedded.maildir import Inbox
from marketflow.embedded.simulation import Reading, Simulation, Truth
from marketflow.warehouse import connect, queries

READING = Reading()
# Enough buyers among the held out (12 % of some three hundred) for an interval that can be relied on.
TRUTH = Truth(base=0.12, effects={"win_back": {"": 0.05}, "picked_for_you": {"statement": 0.06, "question": 0.12}})
EXPERIMENT, JOURNEY = "picked_for_you", "win_back_series"
INGEST, TRACKING = "ingest_simulated_orders", "take_tracking"
FIRST_LOOK = dt.timedelta(seconds=8)  # after the last mail: who is faster is rightly taken for a machine


def start_campaign(name: str, admin: AirflowApi, marketer: AirflowApi, progress: Progress) -> None:
    """A marketer's part: start it for real, read the plan, approve. There is no question when nobody new is found."""
    run_id = marketer.trigger(name, {"dry_run": False})

    def over() -> bool:
        for question in marketer.answer(name, run_id, "Approve"):
            progress.say(f"{name} asks: {question['subject']} - the marketer approves")
        return admin.run(name, run_id)["state"] in ("success", "failed")

    progress.wait(over, f"{name}: planning who gets it")


def start_journey(name: str, admin: AirflowApi) -> None:
    """Switch a journey on, which ships switched off, and let it look for people at once."""
    admin.unpause(name)
    admin.trigger(name)


def live_on(config: Config, admin: AirflowApi, progress: Progress) -> None:
    """What the customers make of the mails that have come since the last time; all of it simulated, and marked so.

    Opens and clicks go through the edge service and are taken in by its DAG. The purchases are files, which the DAG of
    their source takes in; that wakes the evaluation. All lies between the last mail and now: the demo's clock ticks on
    and is not moved.
    """
    settings = pinned_settings(config)
    clock = settings.clock()
    with connect(config.dsn("owner")) as conn:
        simulation = Simulation(
            conn, inbox=Inbox(home=config.mail), edge_url=config.edge_url, landing=config.landing,
            noted=config.home / "demo" / "simulated.json", clock=clock, reading=READING, truth=TRUTH,
            currency=settings.currency,
        )  # fmt: skip
        last, before = simulation.last_sent(), _tracked(config)
        progress.wait(lambda: last is None or clock.now() > last + FIRST_LOOK, "")
        did = simulation.read()
        progress.say(f"simulated: {did['open']} opens, {did['click']} clicks, {did['unsubscribe']} unsubscribe")
        _take_tracking(config, admin, progress, before, did)
        bought = simulation.buy()
    for campaign, orders in bought.items():
        progress.say(f"simulated: {orders} orders of people whom {campaign} chose")
    admin.trigger(INGEST)  # also when nothing is new: an earlier demo may have ended before


def _take_tracking(config: Config, admin: AirflowApi, progress: Progress, before: int, did: Counter[str]) -> None:
    """Wait until all opens and clicks are in the warehouse: the edge service closes pieces of its journal by time."""
    wanted = before + did["open"] + did["click"]

    def taken() -> bool:
        if _tracked(config) >= wanted:
            return True
        if not admin.runs("running", "queued", dag_id=TRACKING):
            admin.trigger(TRACKING)
        return False

    progress.wait(taken, "")


def _tracked(config: Config) -> int:
    with connect(config.dsn("owner")) as conn:
        row = conn.execute(queries("simulation")["tracked"]).fetchone()
    return int(row[0]) if row else 0
