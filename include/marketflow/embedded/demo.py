"""`make demo`: the real DAGs on real purchase records, from landing files to mails in an inbox, and a summary.

It does what people would do: puts an export's files into the landing folder, starts the ingest DAGs, and, as a
marketer, starts the campaign `win_back` and approves it. All the rest wakes by itself. What the customers do then is
simulated: they are made up.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from zoneinfo import ZoneInfo

from marketflow.embedded.airflow_api import AirflowApi
from marketflow.embedded.config import pin_clock
from marketflow.embedded.demo_pictures import save_pictures
from marketflow.embedded.demo_progress import Progress
from marketflow.embedded.demo_report import collect, show
from marketflow.embedded.demo_story import EXPERIMENT, INGEST, JOURNEY, TRACKING, live_on, start_campaign, start_journey
from marketflow.embedded.memory import PeakMemory
from marketflow.embedded.stack import Config, process_roots, up
from marketflow.shared import ConfigurationError, MarketflowError

BUSINESS_DAY = dt.date(2017, 12, 31)  # the last complete day of the data
ZONE = ZoneInfo("America/New_York")
RECORDS = ("products", "customers", "campaigns", "coupons", "behaviour", "orders")


def run() -> None:
    """Run the demo; raises MarketflowError when a part of it fails."""
    config = Config.from_env()
    if config.replaced:
        raise ConfigurationError(
            f"the demo makes up data and sends mails, and {', '.join(config.replaced)} "
            "points to servers of yours: unset it"
        )
    progress = Progress()
    with PeakMemory(lambda: process_roots(config)) as memory:
        with progress.phase("landing_files", "writing the shop's export into var/landing"):
            _landing(config)
        with progress.phase("start", "starting PostgreSQL, the mail catcher, the edge service and Airflow"):
            pin_clock(config, BUSINESS_DAY, ZONE)
            up(config)
        with _api(config, "admin") as admin, _api(config, "marketer") as marketer:
            with progress.phase("load_model_send", "taking in the files; the other DAGs wake by themselves"):
                _start_ingest(admin, progress)
                progress.wait_until_calm(config, admin)
            with progress.phase("win_back", "a marketer starts the campaign win_back"):
                start_campaign("win_back", admin, marketer, progress)
                progress.wait_until_calm(config, admin)
            with progress.phase("experiment", f"a marketer starts {EXPERIMENT}: two subjects, and a holdout"):
                start_campaign(EXPERIMENT, admin, marketer, progress)
            with progress.phase("journey", f"an admin switches the journey {JOURNEY} on"):
                start_journey(JOURNEY, admin)
                progress.wait_until_calm(config, admin)
            with progress.phase("simulated", "the customers read, click and buy: all of it simulated"):
                live_on(config, admin, progress)
                progress.wait_until_calm(config, admin)
            failed = admin.runs("failed")
    seconds = {**progress.seconds, "total": round(time.monotonic() - progress.start, 1)}
    summary = {**collect(config), "seconds": seconds, "peak_memory_mib": round(memory.peak)}
    target = config.home / "demo" / "summary.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    save_pictures(config)
    show(config, summary)
    if failed:
        raise MarketflowError("these DAG runs failed: " + ", ".join(f"{r['dag_id']} {r['dag_run_id']}" for r in failed))


def _landing(config: Config) -> None:
    from marketflow.sources.complete_journey import write_landing

    # in a process of its own: the export is read whole, and its memory would stay with us until the end
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        pool.submit(write_landing, config.landing).result()


def _api(config: Config, user: str) -> AirflowApi:
    return AirflowApi(config.airflow_url, user, config.airflow_password(user))


def _start_ingest(api: AirflowApi, progress: Progress) -> None:
    wanted = (
        {f"ingest_{r}" for r in RECORDS}
        | {"win_back", "thank_you", "build_core", "build_marts"}
        | {INGEST, TRACKING, EXPERIMENT, JOURNEY}
    )
    progress.wait(lambda: wanted <= api.dag_ids(), "Airflow reads the DAG files")
    if errors := api.import_errors():
        raise MarketflowError(f"DAG files that do not parse: {', '.join(errors)}")
    for record in RECORDS:
        api.trigger(f"ingest_{record}")
