"""House rules of all DAGs: they parse fast and light, explain themselves, and can be run again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT

DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = [
    "pandas", "numpy", "scipy", "sklearn", "mlxtend", "great_expectations", "pyarrow", "statsmodels", "matplotlib",
]  # fmt: skip

# Airflow itself is imported first and not counted; what it brings along is not the DAG file's doing.
PROBE = """
import sys, time, json, runpy
import airflow.sdk, airflow.providers.postgres.hooks.postgres, airflow.providers.smtp.hooks.smtp
import airflow.providers.standard.operators.hitl
before = set(sys.modules)
began = time.process_time()
runpy.run_path(sys.argv[1])
print(json.dumps({"seconds": time.process_time() - began, "modules": sorted(set(sys.modules) - before)}))
"""


@pytest.fixture(scope="session")
def dagbag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"))


def test_every_file_parses(dagbag: Any) -> None:
    assert dagbag.import_errors == {}
    assert {
        "ingest_orders", "ingest_behaviour", "ingest_customers", "ingest_products", "build_core",
        "segment_customers", "recommend_products", "build_marts", "thank_you", "win_back",
        "deliver_messages_email", "evaluate_campaigns", "replay_quarantine", "rebuild_warehouse", "keep_house",
        "ingest_collector", "predict",
    } <= set(dagbag.dags)  # fmt: skip


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda p: p.stem)
def test_a_file_parses_fast_and_imports_nothing_heavy(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROBE, str(path)], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout.splitlines()[-1])
    assert not [m for m in seen["modules"] if m.split(".")[0] in HEAVY]
    assert seen["seconds"] < 0.5  # processor seconds: what the machine does beside it does not count


def test_every_dag_explains_itself(dagbag: Any) -> None:
    for dag in dagbag.dags.values():
        assert dag.doc_md, dag.dag_id
        assert len(dag.doc_md.strip().splitlines()) >= 3, dag.dag_id
        assert dag.tags, dag.dag_id
        assert dag.default_args["owner"], dag.dag_id
        assert dag.catchup is False, dag.dag_id
        assert dag.max_active_runs == 1, dag.dag_id


def test_every_form_field_is_described_and_typed(dagbag: Any) -> None:
    for dag in dagbag.dags.values():
        for name in dag.params:
            schema = dag.params.get_param(name).schema
            assert schema.get("title"), f"{dag.dag_id}.{name}"
            assert schema.get("description_md"), f"{dag.dag_id}.{name}"
            assert schema.get("type"), f"{dag.dag_id}.{name}"


def test_every_task_may_be_tried_again(dagbag: Any) -> None:
    for dag in dagbag.dags.values():
        for task in dag.tasks:
            assert task.retries >= 1, f"{dag.dag_id}.{task.task_id}"


def test_what_holds_locks_while_it_renders_templates_ends_by_itself(dagbag: Any) -> None:
    campaigns = [dag for dag in dagbag.dags.values() if "campaign" in dag.tags]
    assert len(campaigns) >= 5
    holding = [dag.get_task("plan") for dag in campaigns] + [dagbag.dags["create_campaign"].get_task("write")]
    for task in holding:
        assert task.execution_timeout is not None, task.dag_id
        assert task.execution_timeout.total_seconds() <= 3600


def test_nothing_is_released_without_a_plan_and_an_approval(dagbag: Any) -> None:
    campaigns = [d for d in dagbag.dags.values() if "campaign" in d.tags]
    assert campaigns
    for dag in campaigns:
        assert dag.get_task("release").upstream_task_ids >= {"approve"}
        assert dag.get_task("approve").upstream_task_ids == {"plan"}


def test_a_campaign_started_by_a_person_is_a_dry_run_unless_she_says_otherwise(dagbag: Any) -> None:
    assert dagbag.dags["win_back"].params["dry_run"] is True
    assert dagbag.dags["win_back"].params["approval"] is True


def test_engagement_never_starts_a_campaign(dagbag: Any) -> None:
    for dag in (d for d in dagbag.dags.values() if "campaign" in d.tags):
        assert "activation" not in str(dag.timetable.asset_condition)


def test_a_prediction_that_is_not_made_keeps_no_other_from_being_made(dagbag: Any) -> None:
    predict = dagbag.dags["predict"]
    models = {t for t in predict.task_ids if t not in ("draw", "announce")}
    assert len(models) == 5
    assert all(predict.get_task(model).upstream_task_ids == set() for model in models)
    assert predict.get_task("announce").upstream_task_ids == models
    assert predict.get_task("announce").trigger_rule == "all_done"


def test_the_marts_hear_of_every_model(dagbag: Any) -> None:
    told = {outlet.name for name in ("segment_customers", "predict", "recommend_products")
            for task in dagbag.dags[name].tasks for outlet in task.outlets}  # fmt: skip
    woken_by = {asset.name for asset in dagbag.dags["build_marts"].timetable.asset_condition.objects}
    assert told == woken_by


def test_dags_survive_serialization(dagbag: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dagbag.dags.values():
        again = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        assert again.task_ids == dag.task_ids


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda p: p.stem)
def test_a_dag_file_only_wires(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    body = text.split('"""', 2)[2]
    assert len([line for line in body.splitlines() if line.strip()]) <= 80


def test_any_source_wakes_the_core(dagbag: Any) -> None:
    from marketflow.sources import find_sources

    woken_by = {asset.name for asset in dagbag.dags["build_core"].timetable.asset_condition.objects}
    assert woken_by == {f"raw.{source.name}" for source in find_sources().good} | {"raw.replayed_rows"}


def test_a_broken_source_file_is_told_and_keeps_nobody_else_from_its_dag(tmp_path: Path) -> None:
    good = (ROOT / "include" / "sources" / "orders.yaml").read_text()
    (tmp_path / "orders.yaml").write_text(good)
    (tmp_path / "mistaken.yaml").write_text(good.replace("orders: {}", "ordres: {}"))
    ingest = run_dag_file("ingest_sources", tmp_path)
    assert ingest.returncode == 0
    assert "ingest_orders" in ingest.stdout
    broken = run_dag_file("broken_sources", tmp_path)
    assert broken.returncode != 0
    assert "mistaken.yaml" in broken.stderr
    assert "did you mean 'orders'" in broken.stderr


def run_dag_file(name: str, sources: Path) -> subprocess.CompletedProcess[str]:
    code = "import runpy, sys; print(*runpy.run_path(sys.argv[1]))"
    path = ROOT / "dags" / f"{name}.py"
    env = {**os.environ, "MARKETFLOW_SOURCES": str(sources)}
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False, env=env)
