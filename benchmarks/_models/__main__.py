"""`python -m benchmarks._models`: run all models on all data; writes var/evaluate/latest.json and docs/models.md."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks._models.data import DATA, load
from benchmarks._models.page import write_table
from benchmarks._models.runs import Row, as_json, run, trials
from benchmarks._warehouse import fresh_warehouse
from marketflow.shared import settings

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def main() -> int:
    """Exit code 0 whatever the figures are: they are reported, good or bad."""
    rows: list[Row] = []
    with fresh_warehouse() as bench:
        for data in DATA:
            with bench.fresh() as dsn:
                print(f"loading {data.name}: {data.what}", flush=True)
                load(data, dsn, bench.folder / data.name.replace(" ", "_").replace(",", "").lower())
                for trial in (t for t in trials() if t.data is data):
                    rows += run(trial, dsn)
    target = settings().home / "evaluate" / "latest.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(as_json(rows), indent=2) + "\n", encoding="utf-8")
    write_table(PAGE, rows)
    print(f"wrote {target} and {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
