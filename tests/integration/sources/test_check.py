"""`marketflow source`: what the check says of good and bad sources, its exit code, and that nothing is stored."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from landing_files import as_csv
from marketflow.cli import app
from marketflow.shared import DefinitionError, SourceError, settings

FLAT = """title: Web shop, order lines
owner: tests
from: {folder: web_shop, files: "*.csv"}
time_zone: Europe/London
schedule: null
unused: [Description]
records:
  orders:
    columns:
      order_id: Invoice
      kind: {from: Invoice, match: {"C.*": cancellation}, otherwise: sale}
      product_id: StockCode
      quantity: Quantity
      amount: {multiply: [Quantity, Price]}
      currency: {constant: GBP}
      ordered_at: {from: InvoiceDate, format: "%m/%d/%Y %H:%M"}
      customer_id: Customer ID
  customers:
    columns: {customer_id: Customer ID, country: {from: Country, replace: {United Kingdom: GB, France: FR}}}
"""
HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
LINES = [
    "536365,85123A,HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom",
    "536365,85123A,HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom",
    "536366,71053,LANTERN,6,12/1/2010 8:28,3.39,13047,France",
    "C536379,71053,LANTERN,-1,12/2/2010 9:41,3.39,13047,France",
    "536380,71053,LANTERN,2,12/3/2010 9:41,0,,France",
]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source file beside its landing folder."""
    (tmp_path / "web_shop").mkdir()
    (tmp_path / "web_shop.yaml").write_text(FLAT)
    monkeypatch.setenv("MARKETFLOW_LANDING", str(tmp_path))
    settings.cache_clear()
    yield tmp_path / "web_shop.yaml"
    settings.cache_clear()


def deliver(shop: Path, *lines: str, name: str = "day.csv", header: str = HEADER) -> None:
    (shop.parent / "web_shop" / name).write_text(header + "".join(line + "\n" for line in lines))


def check(shop: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["source", "check", str(shop), *options])


def test_a_good_file(shop: Path) -> None:
    deliver(shop, *LINES)
    found = check(shop)
    assert found.exit_code == 0, found.output
    for words in [
        "Web shop, order lines (source web_shop, system web_shop)",
        "Found       1: web_shop/day.csv",
        "Columns     8, of which 7 are mapped",
        "Invoice                        orders.order_id, orders.kind",
        "not wanted: Description",
        "Rows        5 read (all): 5 good, 0 bad",
        "orders      5 rows, 4 orders, 2 customers, 2 products",
        "1 without a customer",
        "from 2010-12-01 08:26:00",
        "currencies: GBP 5",
        "kinds: sale 4, cancellation 1",
        "1 lines say the same as another one; each is kept and counts",
        "customers   2 rows, 2 customers",
        "It would be loaded.",
    ]:
        assert words in found.output


def test_bad_rows_are_told_by_file_record_column_and_reason(shop: Path) -> None:
    deliver(shop, *LINES, "536381,1,x,many,12/3/2010 9:41,1,,France", "536382,1,x,1,31/12/2010 9:41,1,,Atlantis", "cut")
    found = check(shop)
    assert found.exit_code == 1
    assert "Rows        8 read (all): 5 good, 3 bad" in found.output
    assert "web_shop/day.csv, record 6, column quantity: quantity is not a number" in found.output
    assert "record 7, column ordered_at" in found.output
    assert "record 8: 1 fields instead of 8" in found.output
    assert "It would be refused: 37.5% of the rows are bad, more than 5.0%." in found.output


def test_no_value_of_a_person_is_shown(shop: Path) -> None:
    shop.write_text("title: People\nowner: tests\nfrom: {folder: web_shop}\nschedule: null\nrecords: {customers: {}}\n")
    bad = {"customer_id": "c2", "consent_at": "Ottoline", "locale": "Quackenbush"}
    (shop.parent / "web_shop/people.csv").write_bytes(as_csv("customers", {}, bad))
    found = check(shop)
    assert "bad" in found.output
    for secret in ("Quackenbush", "Ottoline", "ottoline"):
        assert secret not in found.output


def test_words_that_are_not_under_replace_are_named(shop: Path) -> None:
    strangers = [f"53638{n},1,x,1,12/3/2010 9:41,1,1,{who}" for n, who in enumerate(["EIRE", "EIRE", "a@example.org"])]
    deliver(shop, *LINES, *strangers)
    said = "Words that `replace` does not know\n  customers.country (they become a fault): 'EIRE' 2, '(a name that"
    found = check(shop)
    assert said in found.output
    assert "example.org" not in found.output
    shop.write_text(FLAT.replace("France: FR}", "France: FR}, otherwise: null"))
    assert "(they become absent): 'EIRE' 2" in check(shop).output
    shop.write_text(FLAT.replace("France: FR}", "France: FR, EIRE: IE, a@example.org: US}"))
    assert "Words" not in check(shop).output
    deliver(shop, *(f"{n},1,x,1,12/3/2010 9:41,1,1,Place {n}" for n in range(60)))
    assert "(they become a fault): 60 different ones" in check(shop).output


def test_words_of_columns_that_are_personal_somewhere_are_not_named(shop: Path) -> None:
    deliver(shop, *LINES, "536381,1,x,1,12/3/2010 9:41,1,1,Quackenbush")
    shop.write_text(
        FLAT.replace("columns: {customer_id: Customer ID,", "columns: {family_name: Country, customer_id: Customer ID,")
    )
    found = check(shop)
    assert "country: the word is not under replace" in found.output
    assert "Quackenbush" not in found.output


def test_words_of_rows_that_do_not_yield_the_record_are_not_counted(shop: Path) -> None:
    deliver(shop, *LINES, "C536381,1,EIRE,-1,12/3/2010 9:41,1,1,France")
    shop.write_text(
        FLAT.replace("unused: [Description]\n", "").replace(
            "  customers:\n",
            "  products:\n    when: {column: Description, is: [HOLDER, LANTERN]}\n"
            "    columns: {product_id: StockCode, category: {from: Description, replace: {HOLDER: h}, otherwise: z}}\n"
            "  customers:\n",
        )
    )
    assert "  products.category (they become z): 'LANTERN' 3\n" in check(shop).output


def test_a_first_line_that_may_be_a_persons_record_is_not_repeated(shop: Path) -> None:
    deliver(shop, *LINES, header="Ottoline,Quackenbush\n")
    found = check(shop)
    assert found.exit_code == 1
    assert "Columns     2, none of them mapped: look at first line, delimiter and encoding" in found.output
    assert "Quackenbush" not in found.output


def test_a_new_column_stops_and_the_remedy_is_told(shop: Path) -> None:
    deliver(shop, *(f"{line},red" for line in LINES), header=HEADER.replace("Country\n", "Country,Colour of it\n"))
    found = check(shop)
    assert found.exit_code == 1
    assert "map them, or write   unused: ['Colour of it']" in found.output
    assert "Rows        5 read" in found.output  # and what the rows are like is told all the same


def test_a_missing_column_stops(shop: Path) -> None:
    deliver(shop, "1,2", header="Invoice,StockCode\n")
    found = check(shop)
    assert found.exit_code == 1
    assert "the header lacks the columns Quantity, Price, InvoiceDate, Customer ID, Country" in found.output
    assert "It would be refused: no file can be used." in found.output


def test_only_a_sample_is_read(shop: Path) -> None:
    for n in range(3):
        deliver(shop, *LINES, name=f"{n}.csv")
    found = check(shop, "--sample", "7")
    assert found.exit_code == 0
    assert "Found       3: web_shop/0.csv, web_shop/1.csv, web_shop/2.csv\nLooked at   2 of them" in found.output
    assert "Rows        7 read (a sample)" in found.output


def test_a_file_that_lies_elsewhere(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(HEADER + LINES[0] + "\n")
    assert "Rows        1 read (all): 1 good" in check(shop, "--data", str(tmp_path / "export.csv")).output


def test_nothing_to_check_is_no_success(shop: Path) -> None:
    found = check(shop)
    assert found.exit_code == 1
    assert "It would be refused: there is nothing to load." in found.output


def test_a_missing_folder_and_a_wrong_source_file_are_told(shop: Path) -> None:
    (shop.parent / "web_shop").rmdir()
    assert isinstance(check(shop).exception, SourceError)
    shop.write_text(FLAT.replace("order_id:", "orderid:"))
    found = check(shop)
    assert isinstance(found.exception, DefinitionError)
    assert "did you mean 'order_id'?" in str(found.exception)


def test_sources_are_listed() -> None:
    settings.cache_clear()
    found = CliRunner().invoke(app, ["source", "list"])
    assert found.exit_code == 0
    assert "orders" in found.output


def test_a_source_is_loaded_from_the_terminal(
    warehouse_dsn: str, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: psycopg.Connection
) -> None:
    from marketflow.privacy import generate_key_ring

    (tmp_path / "include/sources").mkdir(parents=True)
    (tmp_path / "include/sources/web_shop.yaml").write_text(FLAT)
    deliver(shop, *LINES, "536381,1,x,many,12/3/2010 9:41,1,,France")
    deliver(shop, name="empty.csv", header="")
    monkeypatch.setenv("MARKETFLOW_WAREHOUSE_DSN", warehouse_dsn)
    monkeypatch.setenv("MARKETFLOW_KEYS", generate_key_ring())
    settings.cache_clear()
    monkeypatch.setattr("marketflow.cli.source.source_file", lambda name: tmp_path / f"include/sources/{name}.yaml")
    found = CliRunner().invoke(app, ["source", "load", "web_shop"])
    assert "1 taken in, 1 refused\n6 rows read = 5 loaded + 1 quarantined" in found.output
    assert isinstance(found.exception, SourceError)
    assert loader.execute("SELECT count(*) FROM raw.order_lines").fetchone() == (5,)
    again = CliRunner().invoke(app, ["source", "load", "web_shop"]).output
    assert again.endswith("1 files are still refused\nnothing new\n")
    (shop.parent / "web_shop/empty.csv").unlink()
    assert CliRunner().invoke(app, ["source", "load", "web_shop"]).output == "nothing new\n"
