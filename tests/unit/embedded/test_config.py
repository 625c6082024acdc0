"""What the stack reads from its environment, and what it refuses before anything starts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from conftest import free_port
from marketflow.embedded.config import PARTS, PORTS, Config, check_ports
from marketflow.shared import ConfigurationError


def config(home: Path, **env: str) -> Config:
    return Config.from_env({"MARKETFLOW_HOME": str(home), **env})


def free(home: Path, **env: str) -> Config:
    return config(home, **{port.variable: str(free_port()) for port in PORTS.values()} | env)


def test_defaults_are_the_documented_ports(tmp_path: Path) -> None:
    assert dict(config(tmp_path).ports) == {
        "pg": 54329, "airflow": 8080, "smtp": 1025, "mailbox": 8025, "edge": 8091, "log": 8793, "trigger_log": 8794,
    }  # fmt: skip
    assert config(tmp_path).parts == PARTS
    assert config(tmp_path).landing == tmp_path / "landing"


@pytest.mark.parametrize("value", ["x", "0", "-1", "65536", "80 80", "٨٠٨٠"])
def test_a_value_that_is_no_port_is_refused_by_name(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigurationError, match="MARKETFLOW_SMTP_PORT"):
        config(tmp_path, MARKETFLOW_SMTP_PORT=value)


def test_two_parts_cannot_have_one_port(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="MARKETFLOW_EDGE_PORT is 8080"):
        config(tmp_path, MARKETFLOW_EDGE_PORT="8080")


def test_an_empty_variable_means_the_default(tmp_path: Path) -> None:
    assert config(tmp_path, MARKETFLOW_AIRFLOW_PORT="").ports["airflow"] == 8080


def test_parts_keep_their_order_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    assert config(tmp_path, MARKETFLOW_PARTS="scheduler, postgres").parts == ("postgres", "scheduler")
    with pytest.raises(ConfigurationError, match="webserver"):
        config(tmp_path, MARKETFLOW_PARTS="webserver")


def test_every_busy_port_is_named_with_its_variable_and_holder(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [s.getsockname()[1] for s in (one, two)]
        busy = free(tmp_path, MARKETFLOW_PG_PORT=str(ports[0]), MARKETFLOW_LOG_PORT=str(ports[1]))
        with pytest.raises(ConfigurationError) as refused:
            check_ports(busy)
    first, second = str(refused.value).splitlines()
    assert f"port {ports[0]} is in use" in first
    assert "MARKETFLOW_PG_PORT" in first
    assert "pid" in first
    assert "MARKETFLOW_LOG_PORT" in second


def test_a_port_of_a_part_that_does_not_run_may_be_busy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        check_ports(free(tmp_path, MARKETFLOW_EDGE_PORT=port, MARKETFLOW_PARTS="postgres,mail"))


def test_a_port_that_was_just_closed_is_free(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server.accept()[0].close()
            assert client.recv(1) == b""
    check_ports(free(tmp_path, MARKETFLOW_PG_PORT=str(port)))  # TIME_WAIT is no reason


def test_a_port_whose_holder_is_gone_already_gets_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def nobody(asked: int) -> str:  # as it is while the kernel takes a killed process apart
        assert asked == port
        server.close()
        return ""

    monkeypatch.setattr("marketflow.embedded.config._holder", nobody)
    check_ports(free(tmp_path, MARKETFLOW_PG_PORT=str(port)))
    assert server.fileno() == -1


def test_repr_shows_no_secret(tmp_path: Path) -> None:
    replaced = config(tmp_path, AIRFLOW_CONN_WAREHOUSE="postgresql://o:secret-word@db.example/w")
    assert set(replaced.replaced) == {"AIRFLOW_CONN_WAREHOUSE"}
    assert "secret-word" not in repr(replaced)
