"""The pages say what was judged, when and what failed, and show nothing of a person."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from marketflow.quality import index, judge_tables
from marketflow.shared import Clock
from quality_loads import Gate, enter, url

PERSON = "quackenbush"


def test_the_index_lists_loads_newest_first_with_words_and_links(
    gate: Gate, conn: psycopg.Connection, tmp_path: Path
) -> None:
    docs = tmp_path / "quality"
    enter(conn, 1, {"orders": [{}]})
    gate(1, docs=docs)
    enter(conn, 2, {"orders": [{"amount": -100_000_000}], "products": [{}]}, refused=("no column 'Price' <b>",))
    gate(2, docs=docs)
    page = (docs / "index.html").read_text()
    assert page.index("load 2") < page.index("load 1")
    assert "orders: amount is out of bounds in 1 row (100.0%)" in page
    assert "1 file was refused, the first: bad1.csv: no column &#39;Price&#39; &lt;b&gt;" in page
    assert page.count("refused</span>") == 1
    assert page.count("passed</span>") == 1
    for load in (1, 2):
        assert f'href="shop_export-{load}/index.html"' in page
        assert (docs / f"shop_export-{load}/index.html").exists()
    assert not list(docs.glob(".*"))
    assert (docs / "shop_export-1/static/styles").is_dir()


def test_one_folder_has_the_pages_of_all_records_of_a_load(
    gate: Gate, conn: psycopg.Connection, tmp_path: Path
) -> None:
    enter(conn, 1, {"orders": [{}], "customers": [{}]})
    gate(1, docs=tmp_path)
    pages = "\n".join(p.read_text() for p in (tmp_path / "shop_export-1").rglob("*.html") if "static" not in p.parts)
    assert "order_ref" in pages
    assert "email_refusal" in pages


def test_no_page_shows_a_person(gate: Gate, conn: psycopg.Connection, tmp_path: Path) -> None:
    people = [{"customer_ref": f"c{n}", "given_name": f"\\x{PERSON.encode().hex()}", "country": "US"} for n in range(3)]
    enter(conn, 1, {"customers": [*people, {"email_refusal": "malformed"}]})
    gate(1, docs=tmp_path)
    pages = [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix in (".html", ".json")]
    assert any("email_refusal" in p.read_text() for p in pages)
    for page in pages:
        text = page.read_text().lower()
        assert PERSON not in text
        assert "given_name" not in text


def test_tables_stand_on_the_same_page(
    conn: psycopg.Connection, warehouse_dsn: str, clock: Clock, tmp_path: Path
) -> None:
    judge_tables(conn, url(warehouse_dsn), clock=clock, docs=tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "No load has been judged yet" in page
    judged = conn.execute("SELECT DISTINCT table_name FROM ops.quality_results").fetchall()
    assert judged
    for (table,) in judged:
        assert f">{table}<" in page


def test_pages_that_are_not_listed_any_more_are_taken_away(
    gate: Gate, conn: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_LOADS", 2)
    (tmp_path / "somebodys-notes").mkdir()
    for load in (1, 2, 3):
        enter(conn, load, {"orders": [{}]})
        gate(load, docs=tmp_path)
    folders = {p.name for p in tmp_path.iterdir() if p.is_dir()}
    assert folders == {"shop_export-2", "shop_export-3", "static", "somebodys-notes"}


def test_a_load_of_which_no_file_could_be_used_says_why(gate: Gate, conn: psycopg.Connection, tmp_path: Path) -> None:
    enter(conn, 1, {}, state="refused")
    conn.execute("UPDATE ops.loads SET reason = '1 of 1 files refused, the first: a.csv: no header'")
    enter(conn, 2, {"orders": [{}]})
    gate(2, docs=tmp_path)
    assert "a.csv: no header" in (tmp_path / "index.html").read_text()
