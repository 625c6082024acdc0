"""What a source's Airflow connection says reaches the place, and no more of it is shown."""

from __future__ import annotations

import pytest

from marketflow.orchestration.places import access_of
from marketflow.shared import ConfigurationError


def test_a_connection_as_airflow_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_DB", "mysql://me:p%40ss@db.example:3307/shop?ssl_ca=%2Fca.pem")
    found = access_of("shop_db")
    assert (found.kind, found.host, found.port, found.login, found.password, found.schema) == (
        "mysql", "db.example", 3307, "me", "p@ss", "shop",
    )  # fmt: skip
    assert found.said("ssl_ca") == "/ca.pem"
    assert "p@ss" not in repr(found)


def test_a_connection_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match="there is no Airflow connection 'nowhere': add it under Admin"):
        access_of("nowhere")
