"""The DAG of the benchmark's own Airflow: a task that sends mails by SmtpHook, and writes mails a second to a file."""

from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from benchmarks._hook import STORED, each


@dag(schedule=None, params={"messages": 0, "result": ""})
def send_by_hook() -> None:
    """Wire the DAG."""

    @task
    def send(params: dict[str, Any] | None = None) -> None:
        assert params is not None
        Path(params["result"]).write_text(str(each(STORED, params["messages"])), encoding="utf-8")

    send()


send_by_hook()
