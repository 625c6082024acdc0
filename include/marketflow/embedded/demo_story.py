"""What people do in the demo: a marketer starts campaigns, and customers who are made up read, click and buy."""

from __future__ import annotations

import datetime as dt

from marketflow.embedded.airflow_api import AirflowApi
from marketflow.embedded.config import Config
from marketflow.embedded.demo_progress import Progress
from marketflow.embedded.environment import pinned_settings
from marketflow.embedded.maildir import Inbox
from marketflow.embedded.simulation import Reading, Simulated, Simulation, Truth, simulate
from marketflow.warehouse import connect

READING = Reading()
# Enough buyers among the held out (12 % of some three hundred) for an interval that can be relied on.
TRUTH = Truth(base=0.12, effects={"win_back": {"": 0.05}, "picked_for_you": {"statement": 0.06, "question": 0.12}})
FIRST_LOOK = dt.timedelta(seconds=8)  # after the last mail: who is faster is rightly taken for a machine
INGEST = "ingest_simulated_orders"


def start_campaign(name: str, admin: AirflowApi, marketer: AirflowApi, progress: Progress) -> None:
    """A marketer's part: start it for real, read the plan, approve. There is no question when nobody new is found."""
    run_id = marketer.trigger(name, {"dry_run": False})

    def over() -> bool:
        for question in marketer.answer(name, run_id, "Approve"):
            progress.say(f"{name} asks: {question['subject']} - the marketer approves")
        return admin.run(name, run_id)["state"] in ("success", "failed")

    progress.wait(over, f"{name}: planning who gets it")


def live_on(config: Config, admin: AirflowApi, progress: Progress) -> Simulated:
    """What the customers make of the mails that have come since the last time; all of it simulated, and marked so.

    The purchases are files, which the ingest DAG of their source takes in. All lies between the last mail and now: the
    demo's clock ticks on and is not moved.
    """
    settings = pinned_settings(config)
    clock = settings.clock()
    with connect(config.dsn("owner")) as conn:
        simulation = Simulation(
            conn, inbox=Inbox(home=config.mail), edge_url=config.edge_url, landing=config.landing,
            noted=config.home / "demo" / "simulated.json", clock=clock, reading=READING, truth=TRUTH,
            currency=settings.currency,
        )  # fmt: skip
        last = simulation.last_sent()
        progress.wait(lambda: last is None or clock.now() > last + FIRST_LOOK, "")
        done = simulate(simulation)
    progress.say(f"simulated: {done.opens} opens, {done.clicks} clicks, {done.unsubscribes} unsubscribe")
    admin.trigger(INGEST)  # also when nothing is new: an earlier demo may have ended before
    return done
