"""docker-compose.yaml, read as Docker would: valid, complete with .env.example, and closed where it should be."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml
from compose_spec.models import ComposeSpecification

from marketflow.edge.collector import WriteKeys
from marketflow.embedded.config import PARTS, Config
from marketflow.embedded.environment import environment
from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.shared import Settings

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docker-compose.yaml").read_text()
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
LOOPBACK = re.compile(r"127\.0\.0\.1:")


def read_env(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


EXAMPLE = read_env((ROOT / ".env.example").read_text())
KEYS = json.loads(generate_key_ring())
FILLED = {name: value or f"secret-{name.lower()}" for name, value in EXAMPLE.items()} | {
    "MARKETFLOW_ENCRYPTION_KEY": KEYS["encryption"]["1"],
    "MARKETFLOW_HASHING_KEY": KEYS["hashing"],
    "MARKETFLOW_SIGNING_KEY": KEYS["signing"],
}


def interpolate(value: Any, env: dict[str, str]) -> Any:
    """As the compose specification says: ${NAME:-default}, ${NAME:?error}, $$ for a dollar."""

    def one(found: re.Match[str]) -> str:
        name, how, rest = found.groups()
        if not env.get(name) and how == "?":
            raise KeyError(name)
        return env.get(name) or (rest if how == "-" else "")

    if isinstance(value, dict):
        return {key: interpolate(v, env) for key, v in value.items()}
    if isinstance(value, list):
        return [interpolate(v, env) for v in value]
    return VARIABLE.sub(one, value).replace("$$", "$") if isinstance(value, str) else value


COMPOSE = interpolate(yaml.safe_load(TEXT), FILLED)
SERVICES: dict[str, Any] = COMPOSE["services"]
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")


def validate(compose: dict[str, Any]) -> None:
    """By the model made from the specification's JSON schema, which drops what it does not know, and by a parser."""
    plain = {key: value for key, value in compose.items() if not key.startswith("x-")}
    known = ComposeSpecification.model_validate(plain).model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert keys(plain) == keys(known)
    parsed = compose_spec.PyCompose.from_yaml(yaml.safe_dump(plain))
    parsed.validate()
    assert set(parsed.service_names()) == set(compose["services"])


def keys(value: Any, path: str = "") -> set[str]:
    """The paths of all keys."""
    if isinstance(value, list):
        return set().union(*(keys(v, path) for v in value))
    if not isinstance(value, dict):
        return set()
    return {f"{path}.{key}" for key in value} | set().union(*(keys(v, f"{path}.{k}") for k, v in value.items()))


def test_it_is_a_valid_compose_file() -> None:
    validate(COMPOSE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"healthcheck": {"test": 3}},
        {"healtcheck": {"test": "x"}},
        {"healthcheck": {"test": "x", "intervall": "5s"}},
        {"restart": "sometimes"},
        {"depends_on": {"y": {"condition": "service_ready"}}},
    ],
)
def test_a_mistake_would_be_found(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, AssertionError)):
        validate({"services": {"x": {"image": "y", **wrong}}})


def test_every_service_of_the_stack_is_there() -> None:
    containers = {"postgres": "postgres", "mail": "mailpit"}
    assert {containers.get(part, part) for part in PARTS} | {"airflow-init"} == set(SERVICES)


def test_every_variable_is_explained_in_the_example_and_none_is_left_over() -> None:
    used = {found[1] for found in VARIABLE.finditer(TEXT)}
    assert used == set(EXAMPLE)


def test_a_missing_secret_stops_the_start_and_says_where_to_look() -> None:
    secrets = [name for name, value in EXAMPLE.items() if not value]
    assert len(secrets) == 15
    for name in secrets:
        found = [v for v in VARIABLE.finditer(TEXT) if v[1] == name]
        assert all(v[2] == "?" and v[3] == "see .env.example" for v in found), name
        with pytest.raises(KeyError, match=name):
            interpolate(yaml.safe_load(TEXT), FILLED | {name: ""})


def test_no_secret_stands_in_the_file() -> None:
    for name, value in re.findall(r"(\w*(?:PASSWORD|SECRET|KEY)): (.+)", TEXT):
        assert "${" in value or value.startswith(("&", "*")), name


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_closed_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service["restart"] == ("on-failure" if name == "airflow-init" else "unless-stopped")
    assert "healthcheck" in service or name == "airflow-init"
    assert all(LOOPBACK.match(port) for port in service.get("ports", []))


def test_only_what_people_use_is_published() -> None:
    published = {name for name, service in SERVICES.items() if service.get("ports")}
    assert published == {"api-server", "mailpit", "postgres", "edge"}


def test_nothing_runs_as_root() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (\w+)$", dockerfile, re.MULTILINE) == ["marketflow"]
    for name, service in SERVICES.items():
        assert service.get("image") == "marketflow:local" or service["user"] in ("postgres", "10001:10001"), name


@pytest.mark.parametrize("name", AIRFLOW)
def test_connections_are_what_airflow_reads(name: str) -> None:
    env = SERVICES[name]["environment"]
    warehouse = json.loads(env["AIRFLOW_CONN_WAREHOUSE"])
    assert (warehouse["conn_type"], warehouse["host"], warehouse["schema"]) == ("postgres", "postgres", "warehouse")
    assert warehouse["password"] == FILLED["MARKETFLOW_PASSWORD_OWNER"]
    mail = json.loads(env["AIRFLOW_CONN_MAIL"])
    assert (mail["host"], mail["port"], mail["extra"]["disable_ssl"]) == ("mailpit", 1025, True)
    assert env["AIRFLOW_CONN_SMTP_DEFAULT"] == env["AIRFLOW_CONN_MAIL"]
    ring = json.loads(env["AIRFLOW_CONN_MARKETFLOW_KEYS"])["password"]
    assert KeyRing.from_json(ring) == KeyRing.from_json(SERVICES["edge"]["environment"]["MARKETFLOW_KEYS"])
    assert json.loads(env["AIRFLOW_CONN_SOCIAL_WEBHOOK"])["extra"] == {"path": "/"}


def test_only_the_init_task_and_the_server_know_the_superuser() -> None:
    secret = FILLED["POSTGRES_PASSWORD"]
    assert {n for n, s in SERVICES.items() if secret in json.dumps(s)} == {"postgres", "airflow-init"}


def test_edge_knows_its_own_role_and_the_keys_only() -> None:
    edge = json.dumps(SERVICES["edge"])
    known = {name for name, value in EXAMPLE.items() if not value and FILLED[name] in edge}
    assert known == {
        "MARKETFLOW_PASSWORD_EDGE",
        "MARKETFLOW_ENCRYPTION_KEY",
        "MARKETFLOW_HASHING_KEY",
        "MARKETFLOW_SIGNING_KEY",
        "MARKETFLOW_WRITE_KEY_WEB",
        "MARKETFLOW_WRITE_KEY_SERVER",
    }


def test_the_edge_service_reads_its_write_keys_and_nobody_else_has_them() -> None:
    keys = WriteKeys.parse(SERVICES["edge"]["environment"]["MARKETFLOW_WRITE_KEYS"])
    web, server = (keys.by_secret(FILLED[f"MARKETFLOW_WRITE_KEY_{name}"]) for name in ("WEB", "SERVER"))
    assert web is not None
    assert server is not None
    assert (web.name, web.is_public, server.name, server.is_public) == ("web", True, "server", False)
    secret = FILLED["MARKETFLOW_WRITE_KEY_SERVER"]
    assert {name for name, service in SERVICES.items() if secret in json.dumps(service)} == {"edge"}


def test_what_the_edge_service_takes_ingest_can_load_and_delete() -> None:
    for name in ("edge", *AIRFLOW):
        folder = SERVICES[name]["environment"]["MARKETFLOW_COLLECTOR_LOG"]
        assert f"collected:{folder}" in SERVICES[name]["volumes"]


def test_a_scheduler_starts_after_an_api_server_whose_task_api_is_built() -> None:
    assert SERVICES["scheduler"]["depends_on"]["api-server"] == {"condition": "service_healthy"}
    assert "execution/health" in json.dumps(SERVICES["api-server"]["healthcheck"])


def test_every_setting_of_ours_exists() -> None:
    known = {f"MARKETFLOW_{name.upper()}" for name in Settings.model_fields}
    elsewhere = re.compile(r"MARKETFLOW_(PASSWORD_[A-Z]+|SUPERUSER_DSN)")  # read by `marketflow bootstrap`
    for name, service in SERVICES.items():
        ours = {v for v in service.get("environment", {}) if v.startswith("MARKETFLOW_")}
        assert {v for v in ours - known if not elsewhere.fullmatch(v)} == set(), name


def test_every_named_volume_is_declared_and_used() -> None:
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if isinstance(volume, str)
    }
    assert used == set(COMPOSE["volumes"])


def test_the_image_holds_what_is_copied_and_nothing_secret() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == sources
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_installs_with_the_locked_uv() -> None:
    locked = re.search(r'^name = "uv"\nversion = "([^"]+)"', (ROOT / "uv.lock").read_text(), re.MULTILINE)
    assert locked is not None
    assert f"ARG UV_VERSION={locked[1]}\n" in (ROOT / "Dockerfile").read_text()


def test_the_image_masks_the_same_form_fields_as_the_local_stack(tmp_path: Path) -> None:
    name = "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES"
    masked = environment(Config.from_env({"MARKETFLOW_HOME": str(tmp_path)}))[name]
    assert f"{name}={masked} " in (ROOT / "Dockerfile").read_text()
