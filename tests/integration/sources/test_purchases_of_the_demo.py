"""What the simulation writes is what its source takes in; it is marked even where the file forgot to say so."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from marketflow.embedded.simulation import Truth
from marketflow.embedded.simulation.purchases import FOLDER, Person, write_purchases
from marketflow.shared import Clock
from marketflow.warehouse import build_core, connect

from .conftest import SHOP, Rows, Take

TRUTH = Truth(base=0.5, effects={})
MORNING = dt.datetime(2018, 1, 1, 14, tzinfo=dt.UTC)
SPAN = (MORNING, MORNING + dt.timedelta(minutes=2))


def test_what_is_written_is_taken_in(landing: Path, take: Take, rows: Rows, clock: Clock, warehouse_dsn: str) -> None:
    people = [Person(campaign="offer", arm="", customer_ref=str(n), sent=True) for n in range(50)]
    path = landing / FOLDER / "offer.csv"
    wrote = write_purchases(path, people, TRUTH, SPAN, currency="USD")
    path.write_text(path.read_text().replace("true\n", "false\n", 1))
    summary = take("simulated_orders")
    assert (summary.loaded, summary.quarantined, summary.files) == (wrote, 0, 1)
    assert rows("SELECT DISTINCT is_simulated FROM raw.orders") == [(True,)]
    with connect(warehouse_dsn) as conn:
        conn.execute("UPDATE ops.loads SET state = 'passed'")
        build_core(conn, clock=clock, shop=SHOP)
        assert conn.execute("SELECT count(*) FROM core.orders").fetchone() == (0,)
        found = conn.execute("SELECT count(*), min(ordered_at), max(ordered_at) FROM core.simulated_orders").fetchone()
    assert found is not None
    assert found[0] == wrote
    assert SPAN[0] <= found[1] <= found[2] < SPAN[1]
