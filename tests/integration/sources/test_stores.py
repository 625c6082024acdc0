"""Objects of a real S3 server (moto's, over HTTP); file:// goes the same way.

Google Cloud Storage and Azure have no server here: what is tested of them is how their file systems are made
(tests/unit/sources/test_access.py).
"""

from __future__ import annotations

import gzip
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from moto.server import ThreadedMotoServer

from landing_files import as_csv
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, ConfigurationError, SourceError
from marketflow.sources import LoadSummary, Source, take_in
from marketflow.sources.places import from_environment, place_of, store

from .conftest import SHOP, Rows, Write

YAML = 'from: {url: "s3://shop/exports", connection: shop_s3, files: "*.csv*"}\nrecords:\n  orders: {}\n'
SECRET = "hidden/secret+key"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The S3 client's file system, with an empty bucket `shop`."""
    import s3fs

    uri = f"aws://key:{quote(SECRET, safe='')}@/?region_name=eu-central-1&endpoint_url={quote(endpoint, safe='')}"
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_S3", uri)
    files = s3fs.S3FileSystem(
        key="key", secret=SECRET, client_kwargs={"endpoint_url": endpoint, "region_name": "eu-central-1"},
        use_listings_cache=False, skip_instance_cache=True,
    )  # fmt: skip
    files.mkdir("shop")
    yield files
    files.rm("shop", recursive=True)


class Take:
    """Loads the source; counts how often an object is fetched."""

    def __init__(self, conn: psycopg.Connection, keys: KeyRing, clock: Clock, landing: Path) -> None:
        self.conn, self.keys, self.clock, self.landing, self.fetched = conn, keys, clock, landing, 0

    def __call__(self, source: Source) -> LoadSummary:
        place = place_of(source, conn=self.conn, landing=self.landing, clock=self.clock)
        return take_in(self.conn, source, place, keys=self.keys, clock=self.clock, shop=SHOP)


@pytest.fixture
def take_objects(
    loader: psycopg.Connection, keys: KeyRing, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Take:
    take = Take(loader, keys, clock, tmp_path)
    fetch = store.Object._fetch

    def counting(self: store.Object) -> Any:
        take.fetched += 1
        return fetch(self)

    monkeypatch.setattr(store.Object, "_fetch", counting)
    return take


def test_objects_are_loaded_once(bucket: Any, take_objects: Take, rows: Rows, source: Write) -> None:
    shop = source("shop_s3", YAML)
    bucket.pipe("shop/exports/1.csv", as_csv("orders", {"order_id": "o1"}, {"order_id": "o2", "amount": "x"}))
    bucket.pipe("shop/exports/2.csv.gz", gzip.compress(as_csv("orders", {"order_id": "o3"})))
    bucket.pipe("shop/exports/.hidden.csv", as_csv("orders", {"order_id": "no"}))
    bucket.pipe("shop/exports/readme.txt", b"no")
    bucket.pipe("shop/exports/deeper/9.csv", as_csv("orders", {"order_id": "no"}))
    summary = take_objects(shop)
    assert (summary.files, summary.read, summary.loaded, summary.quarantined) == (2, 3, 2, 1)
    assert rows("SELECT order_ref FROM raw.order_lines ORDER BY 1") == [("o1",), ("o3",)]
    assert rows("SELECT path, object_version IS NOT NULL FROM ops.landing_files ORDER BY 1") == [
        ("exports/1.csv", True),
        ("exports/2.csv.gz", True),
    ]
    assert take_objects(shop).load_id is None
    assert take_objects.fetched == 2  # what was taken in is not fetched again


def test_an_object_that_is_replaced_comes_again(bucket: Any, take_objects: Take, rows: Rows, source: Write) -> None:
    shop = source("shop_s3", YAML)
    bucket.pipe("shop/exports/1.csv", as_csv("orders", {"order_id": "o1"}))
    assert take_objects(shop).loaded == 1
    bucket.pipe("shop/exports/1.csv", as_csv("orders", {"order_id": "o1", "amount": "3.00"}))
    assert take_objects(shop).loaded == 1
    bucket.pipe("shop/exports/2.csv", as_csv("orders", {"order_id": "o1"}))  # the first content under another name
    assert take_objects(shop).repeated_files == 1
    assert (take_objects(shop).load_id, take_objects.fetched) == (None, 3)
    assert rows("SELECT amount::text FROM raw.order_lines ORDER BY 1") == [("2.50",), ("3.00",)]


def test_names_that_are_not_utf_8(tmp_path: Path, take_objects: Take, rows: Rows, source: Write) -> None:
    folder = tmp_path / os.fsdecode(b"export \xe9")
    folder.mkdir()
    (folder / "a.csv").write_bytes(as_csv("orders", {}))
    (folder / os.fsdecode(b"b\xff.csv")).write_bytes(as_csv("orders", {"order_id": "o2"}))
    (folder / os.fsdecode(b"c\xff.csv")).write_bytes(b"")
    (tmp_path / "link").symlink_to(folder)
    shop = source("shop_files", f"from: {{url: 'file://{tmp_path}/link', files: '*.csv'}}\nrecords: {{orders: {{}}}}\n")
    summary = take_objects(shop)
    assert (summary.files, summary.refused_files) == (2, 1)
    assert rows("SELECT path, state FROM ops.landing_files ORDER BY 1") == [
        ("link/a.csv", "loaded"),
        ("link/b\\xff.csv", "loaded"),
        ("link/c\\xff.csv", "refused"),
    ]
    assert take_objects(shop).load_id is None


def test_large_objects_come_in_pieces(bucket: Any, take_objects: Take, rows: Rows, source: Write) -> None:
    large = as_csv("orders", *({"order_id": f"o{n}"} for n in range(150_000)))
    assert len(large) > store._PIECE
    bucket.pipe("shop/exports/1.csv", large)
    assert take_objects(source("shop_s3", YAML)).loaded == 150_000
    assert rows("SELECT count(DISTINCT order_ref), max(record_no) FROM raw.order_lines") == [(150_000, 150_000)]


def test_a_bad_object_is_told_and_the_others_arrive(bucket: Any, take_objects: Take, rows: Rows, source: Write) -> None:
    bucket.pipe("shop/exports/1.csv.gz", gzip.compress(as_csv("orders", {}))[:-5])
    bucket.pipe("shop/exports/2.csv", as_csv("orders", {}).replace(b"amount", b"total", 1))
    bucket.pipe("shop/exports/3.csv", as_csv("orders", {}))
    shop = source("shop_s3", YAML)
    summary = take_objects(shop)
    assert (summary.files, summary.refused_files, summary.loaded) == (1, 2, 1)
    assert rows("SELECT path, reason FROM ops.landing_files WHERE state = 'refused' ORDER BY 1") == [
        ("exports/1.csv.gz", "the archive is damaged or cut off"),
        ("exports/2.csv", "the header lacks the columns amount; it has 1 unknown ones"),
    ]
    bucket.pipe("shop/exports/2.csv", as_csv("orders", {"order_id": "mended"}))
    assert take_objects(shop).loaded == 1


def test_an_object_that_changes_while_it_is_fetched_is_left_for_the_next_run(
    *, bucket: Any, take_objects: Take, rows: Rows, source: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.pipe("shop/exports/1.csv", as_csv("orders", {"order_id": "before"}))
    shop, real = source("shop_s3", YAML), store.version_of
    calls = []

    def late(about: Any) -> str:
        calls.append(about)
        return real(about) if len(calls) != 3 else "changed"  # listed, made an item, and after it was fetched

    with monkeypatch.context() as patched:
        patched.setattr(store, "version_of", late)
        assert take_objects(shop).load_id is None
    assert rows("SELECT count(*) FROM ops.landing_files") == [(0,)]
    assert take_objects(shop).loaded == 1


@pytest.mark.usefixtures("bucket")
def test_a_store_that_cannot_be_used_is_told_without_secrets(
    take_objects: Take, source: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = {
        "s3://nowhere/exports": "s3://nowhere/exports cannot be read .*; check its address and the connection shop_s3",
        "s3://shop/nothing": "s3://shop/nothing cannot be read",
    }
    for url, words in wrong.items():
        with pytest.raises(SourceError, match=words) as caught:
            take_objects(source("shop_s3", YAML.replace("s3://shop/exports", url)))
        assert SECRET not in str(caught.value)
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_S3", "aws://key:secret@/?endpoint_url=http%3A%2F%2F127.0.0.1%3A1")
    with pytest.raises(SourceError, match="cannot be read"):
        take_objects(source("shop_s3", YAML))
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_S3", f"postgres://me:{quote(SECRET, safe='')}@host/db")
    with pytest.raises(ConfigurationError, match="is of type postgres; s3:// needs aws") as refused:
        take_objects(source("shop_s3", YAML))
    monkeypatch.delenv("AIRFLOW_CONN_SHOP_S3")
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_SHOP_S3 is not set"):
        take_objects(source("shop_s3", YAML))
    assert SECRET not in str(refused.value)
    assert "hidden" not in repr(from_environment_with_secret(monkeypatch))


def from_environment_with_secret(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AIRFLOW_CONN_ANY", f"aws://key:{quote(SECRET, safe='')}@/?session=hidden")
    return from_environment("any")


def test_an_address_with_a_password_is_refused(take_objects: Take, source: Write) -> None:
    with pytest.raises(SourceError, match="holds a password; name a connection") as caught:
        take_objects(source("shop_s3", YAML.replace("s3://shop", "s3://key:hidden@shop")))
    assert "hidden" not in str(caught.value)


def test_a_folder_by_its_address(take_objects: Take, rows: Rows, source: Write, tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports/1.csv").write_bytes(as_csv("orders", {}))
    shop = source("shop_files", f'from: {{url: "file://{tmp_path}/exports"}}\nrecords:\n  orders: {{}}\n')
    assert take_objects(shop).loaded == 1
    assert take_objects(shop).load_id is None
    assert rows("SELECT path FROM ops.landing_files") == [("exports/1.csv",)]


def test_no_copy_is_left_behind(
    bucket: Any, take_objects: Take, source: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    bucket.pipe("shop/exports/1.csv", as_csv("orders", {}))
    bucket.pipe("shop/exports/2.csv", b"")
    take_objects(source("shop_s3", YAML))
    assert list(scratch.iterdir()) == []
