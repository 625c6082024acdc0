"""Airflow's public REST API (`/api/v2`), as far as the demo and the tests need it."""

from __future__ import annotations

import datetime as dt
from types import TracebackType
from typing import Any, Self

import httpx

_SETTLED = dt.timedelta(seconds=1)


class AirflowApi:
    """A signed-in user of an Airflow server; every call raises httpx.HTTPStatusError when it is refused."""

    def __init__(self, base_url: str, username: str, password: str) -> None:
        self.username = username
        self._seen: dict[tuple[str, int], dt.datetime] = {}
        self._http = httpx.Client(base_url=base_url, timeout=60)
        token = self._http.post("/auth/token", json={"username": username, "password": password})
        token.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def _scheduler_round(self) -> dt.datetime:
        health = self._http.get("/api/v2/monitor/health").json()
        return dt.datetime.fromisoformat(health["scheduler"]["latest_scheduler_heartbeat"])

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One request below `/api/v2`, its answer as JSON."""
        answer = self._http.request(method, f"/api/v2/{path}", **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def dag_ids(self) -> set[str]:
        """All DAGs that Airflow knows."""
        return {d["dag_id"] for d in self.call("GET", "dags", params={"limit": 200})["dags"]}

    def import_errors(self) -> list[str]:
        """Files that do not parse."""
        return [e["filename"] for e in self.call("GET", "importErrors")["import_errors"]]

    def unpause(self, dag_id: str) -> None:
        """Switch a DAG on, as its switch in the UI does."""
        self.call("PATCH", f"dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, form: dict[str, Any] | None = None) -> str:
        """Start a run with the form's values and return its id."""
        body = {"logical_date": None, "conf": form or {}}
        return str(self.call("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def runs(self, *states: str, dag_id: str = "~", limit: int = 100) -> list[dict[str, Any]]:
        """The newest runs in the given states (any state when none is given)."""
        params = [("order_by", "-run_after"), ("limit", str(limit)), *(("state", s) for s in states)]
        return list(self.call("GET", f"dags/{dag_id}/dagRuns", params=params)["dag_runs"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """One run."""
        return dict(self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}"))

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """The state of each task of a run."""
        found = self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {t["task_id"]: str(t["state"]) for t in found}

    def open_questions(self, dag_id: str = "~") -> list[dict[str, Any]]:
        """Approvals that wait for a person.

        Airflow lists a question a moment before its task has come to rest, and an answer in that moment is stored and
        wakes nobody (seen in 3.3.2); so only tasks at rest count.
        """
        answer = self.call("GET", f"dags/{dag_id}/dagRuns/~/hitlDetails", params={"response_received": "false"})
        return [q for q in answer["hitl_details"] if q["task_instance"]["state"] == "awaiting_input"]

    def answer(self, dag_id: str, run_id: str, option: str) -> list[dict[str, Any]]:
        """Choose an option of what the run asks, and return the questions that were answered.

        To be called until the run is over: an answer in the moment in which the task comes to rest can cross with the
        scheduler's own note of that; the scheduler then tries the task again, and it asks again (seen in 3.3.2).
        So a question is answered once the scheduler has gone round since it was first seen.
        """
        asked = []
        for question in self.open_questions(dag_id):
            task = question["task_instance"]
            seen = self._seen.setdefault((task["id"], task["try_number"]), dt.datetime.now(dt.UTC))
            if task["dag_run_id"] == run_id and self._scheduler_round() > seen + _SETTLED:
                asked.append(question)
        for question in asked:
            path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{question['task_instance']['task_id']}/-1/hitlDetails"
            self.call("PATCH", path, json={"chosen_options": [option], "params_input": {}})
        return asked
