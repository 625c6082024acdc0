"""What Airflow connections say, as options of file systems and as SQLAlchemy URLs; Google and Azure are tried here only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from marketflow.shared import ConfigurationError
from marketflow.sources.places.access import Access, database_url, engine_of, from_environment, store_options

KEYFILE = {"type": "service_account", "client_email": "a@b", "private_key": "hidden"}


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> Access:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", text)
    return from_environment("shop")


URIS = [
    ("postgresql://me:p%40ss%2F@db.example:5433/shop?sslmode=require", "postgresql+psycopg://me:p%40ss%2F@db.example:5433/shop?sslmode=require"),
    ("postgres://db/shop", "postgresql+psycopg://db/shop"),
    ("mysql://me:secret@db/shop", "mysql+pymysql://me:secret@db/shop?charset=utf8mb4"),
    ("mariadb://me@db:3307/shop?ssl_ca=%2Fetc%2Fca.pem", "mysql+pymysql://me@db:3307/shop?charset=utf8mb4&ssl_ca=%2Fetc%2Fca.pem"),
    ('{"conn_type": "mysql", "host": "db", "login": "me", "schema": "shop", "port": "3307"}', "mysql+pymysql://me@db:3307/shop?charset=utf8mb4"),
    ("postgres://[::1]:5433/shop", "postgresql+psycopg://[::1]:5433/shop"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "url"), URIS)
def test_database_urls(monkeypatch: pytest.MonkeyPatch, text: str, url: str) -> None:
    assert database_url(given(monkeypatch, text)).render_as_string(hide_password=False) == url


STORES: list[tuple[str, str, dict[str, Any]]] = [
    ("s3", "aws://AKIA:se%2Fcret@/?region_name=eu-west-1", {"key": "AKIA", "secret": "se/cret", "client_kwargs": {"region_name": "eu-west-1"}}),
    ("s3", "aws://a:b@/?endpoint_url=http%3A%2F%2Fminio%3A9000&aws_session_token=t", {"key": "a", "secret": "b", "token": "t", "endpoint_url": "http://minio:9000"}),
    ("s3", "aws://a:b@http%3A%2F%2Fminio%3A9000", {"key": "a", "secret": "b", "endpoint_url": "http://minio:9000"}),
    ("s3", "aws://", {}),
    ("gs", "google-cloud-platform://?extra__google_cloud_platform__key_path=%2Fkey.json&project=p", {"token": "/key.json", "project": "p"}),
    ("gs", json.dumps({"conn_type": "google_cloud_platform", "extra": {"keyfile_dict": json.dumps(KEYFILE)}}), {"token": KEYFILE}),
    ("gs", json.dumps({"conn_type": "google_cloud_platform", "extra": json.dumps({"keyfile_dict": KEYFILE})}), {"token": KEYFILE}),
    ("abfs", "wasb://account:key%3D@", {"account_name": "account", "account_key": "key="}),
    ("abfs", "wasb://id:secret@https%3A%2F%2Facct.blob.core.windows.net?tenant_id=t", {"client_id": "id", "client_secret": "secret", "tenant_id": "t", "account_name": "acct"}),
    ("abfs", "wasb://account@?sas_token=sv%3D1", {"account_name": "account", "sas_token": "sv=1"}),
    ("abfs", json.dumps({"conn_type": "wasb", "extra": {"connection_string": "UseDevelopmentStorage=true"}}), {"connection_string": "UseDevelopmentStorage=true"}),
]  # fmt: skip


@pytest.mark.parametrize(("scheme", "text", "options"), STORES)
def test_options_of_stores(monkeypatch: pytest.MonkeyPatch, scheme: str, text: str, options: dict[str, Any]) -> None:
    assert store_options(scheme, given(monkeypatch, text)) == options


def test_the_file_systems_take_these_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is reached: they are made, and know the account that they would ask."""
    import adlfs
    import gcsfs

    azure = store_options("abfs", given(monkeypatch, "wasb://account:a2V5@"))
    assert adlfs.AzureBlobFileSystem(skip_instance_cache=True, **azure).account_name == "account"
    google = store_options("gs", given(monkeypatch, "google-cloud-platform://?token=anon&project=shop"))
    assert gcsfs.GCSFileSystem(skip_instance_cache=True, **google).project == "shop"


def test_without_a_connection_the_machine_has_an_identity_of_its_own() -> None:
    assert store_options("s3", None) == {}


BAD = [
    ("s3", "mysql://me@db/shop", "the connection shop is of type mysql; s3:// needs aws"),
    ("gs", "aws://a:b@", "of type aws; gs:// needs google_cloud_platform"),
    ("s3", "aws://a:b@/?role_arn=arn", "has role_arn, which is not supported"),
    ("s3", "{not json", "AIRFLOW_CONN_SHOP is neither a URI nor JSON"),
    ("s3", " ", "AIRFLOW_CONN_SHOP is not set"),
]


@pytest.mark.parametrize(("scheme", "text", "words"), BAD, ids=[w for *_, w in BAD])
def test_connections_that_do_not_fit(monkeypatch: pytest.MonkeyPatch, scheme: str, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        store_options(scheme, given(monkeypatch, text))


def test_other_databases_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="of type mssql; a sql source needs postgres or mysql"):
        database_url(given(monkeypatch, "mssql://me:hidden@db/shop"))


def test_nothing_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    access = given(monkeypatch, "postgres://me:hidden@db/shop?token=hidden")
    for shown in (repr(access), str(engine_of(access)), repr(engine_of(access).url)):
        assert "hidden" not in shown
