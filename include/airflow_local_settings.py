"""Airflow imports this module when it starts (it looks for the name on the path); nothing in it becomes a setting."""

from marketflow.orchestration.preload import await_task_api, preload

__all__: list[str] = []

preload()
await_task_api()
