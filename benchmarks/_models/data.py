"""The real data: from the packages that ship them, through sources, gate and core, into a warehouse."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.quality import judge
from marketflow.shared import Clock, ConfigurationError, Shop
from marketflow.sources import Source, load_source, load_sources, take_in
from marketflow.sources.places import place_of
from marketflow.warehouse import build_core, connect

_ZONE = "America/New_York"
SHOP = Shop(time_zone=_ZONE, country="US", locale="en-US", currency="USD")
_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Data:
    """A data set: its name, what it is, its last day, the sources that read it and the files that they find."""

    name: str
    what: str
    last_day: dt.date
    sources: Callable[[], Iterable[Source]]
    write: Callable[[Path], object]

    @property
    def clock(self) -> Clock:
        """Stands on the last day."""
        return Clock(time_zone=ZoneInfo(_ZONE), pinned_day=self.last_day)


def load(data: Data, dsn: str, landing: Path) -> None:
    """Bring the data set into the empty warehouse at `dsn`, as the DAGs do."""
    data.write(landing)
    keys, url = KeyRing.from_json(generate_key_ring()), dsn.replace("postgresql://", "postgresql+psycopg://", 1)
    with connect(dsn) as conn:
        for source in data.sources():
            place = place_of(source, conn=conn, landing=landing, clock=data.clock)
            done = take_in(conn, source, place, keys=keys, clock=data.clock, shop=SHOP)
            verdict = judge(
                conn, url, done.load_id or 0, source=source, clock=data.clock, limit=0.01, docs=landing / "docs"
            )
            if not verdict.passed:
                raise ConfigurationError(f"{data.name}: {verdict.reason}")
        build_core(conn, clock=data.clock, shop=SHOP)


def _write_journey(landing: Path) -> None:
    from marketflow.sources.complete_journey import write_landing

    write_landing(landing)


def _journey_sources() -> list[Source]:
    root = Path(__file__).parents[2] / "include" / "sources"
    return [s for s in load_sources(root) if s.name != "collector"]


def _write_cdnow(landing: Path) -> None:
    _write_purchases(landing, [row for row in _rows("CDNOW_master.txt") if row[0] != "customer_id"])


def _write_sample(landing: Path) -> None:
    """One of ten customers, as in the paper; it has numbers of its own beside those of the whole."""
    _write_purchases(landing, [[own, day, cds, dollars] for _, own, day, cds, dollars in _rows("CDNOW_sample.txt")])


def _rows(file: str) -> list[list[str]]:
    """What the package `lifetimes` ships; its code is not imported."""
    spec = importlib.util.find_spec("lifetimes")
    if spec is None or spec.origin is None:
        raise ConfigurationError("the package lifetimes, which ships CDNOW's files, is not installed: make install")
    lines = (Path(spec.origin).parent / "datasets" / file).read_text().splitlines()
    return [line.split() for line in lines if line.strip()]


def _write_purchases(landing: Path, rows: list[list[str]]) -> None:
    """As CSV, a number for each purchase."""
    target = landing / "cdnow" / "purchases.csv"
    target.parent.mkdir(parents=True)
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "customer", "day", "cds", "dollars"])
        writer.writerows([n, *row] for n, row in enumerate(rows, start=1))


JOURNEY = Data(
    name="The Complete Journey", what="2,469 households of a grocer, all purchases of 2017",
    last_day=dt.date(2017, 12, 31), sources=_journey_sources, write=_write_journey,
)  # fmt: skip
CDNOW = Data(
    name="CDNOW", what="23,570 customers of a shop for music who first bought in the first quarter of 1997",
    last_day=dt.date(1998, 6, 30), sources=lambda: [load_source(_HERE / "cdnow.yaml")], write=_write_cdnow,
)  # fmt: skip
SAMPLE = Data(
    name="CDNOW, sample", what="2,357 of them, those of Fader, Hardie and Lee (2005)",
    last_day=dt.date(1998, 6, 30), sources=lambda: [load_source(_HERE / "cdnow.yaml")], write=_write_sample,
)  # fmt: skip
DATA = (JOURNEY, CDNOW, SAMPLE)
