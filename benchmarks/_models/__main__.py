"""`python -m benchmarks._models [MODEL ...]`: run all models, or these.

Writes var/evaluate/latest.json and docs/models.md; the rows of models that were not run stay as they are. Where all
have not yet run on this machine, there is no latest.json: some are written to partial.json then, and not to the page,
which would lose the others.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks._models.data import DATA, load
from benchmarks._models.page import write_page
from benchmarks._models.rows import Row, merged, read_rows, write_rows
from benchmarks._models.runs import Trial, run, trials
from benchmarks._warehouse import fresh_warehouse
from marketflow.shared import settings

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def main(argv: list[str]) -> int:
    """Exit code 0 whatever the figures are: they are reported, good or bad. 2 where there is no such model."""
    every = trials()
    order = list(dict.fromkeys((trial.data.name, trial.model) for trial in every))
    if unknown := set(argv) - {model for _, model in order}:
        known = ", ".join(dict.fromkeys(model for _, model in order))
        print(f"there is no model {', '.join(sorted(unknown))}; there are: {known}", file=sys.stderr)
        return 2
    chosen = [trial for trial in every if not argv or trial.model in argv]
    found = _run(chosen, with_segments=[trial for trial in every if trial.model == "rfm"])
    folder = settings().home / "evaluate"
    if argv and not (folder / "latest.json").exists():
        write_rows(folder / "partial.json", found)
        print(f"wrote {folder / 'partial.json'}; {PAGE.name} stays as it is until all models have run here")
        return 0
    target = folder / "latest.json"
    ran = {(trial.data.name, trial.model) for trial in chosen}
    rows = merged(read_rows(target), found, ran=ran, order=order)
    write_rows(target, rows)
    write_page(PAGE, rows)
    print(f"wrote {target} and {PAGE.name}")
    return 0


def _run(chosen: list[Trial], *, with_segments: list[Trial]) -> list[Row]:
    """Each data set in a warehouse of its own. Segments come first, asked for or not: other models look at them."""
    rows: list[Row] = []
    with fresh_warehouse() as bench:
        for data in (data for data in DATA if any(trial.data is data for trial in chosen)):
            with bench.fresh() as dsn:
                print(f"loading {data.name}: {data.what}", flush=True)
                load(data, dsn, bench.folder / data.name.replace(" ", "_").replace(",", "").lower())
                for trial in (t for t in with_segments if t.data is data and t not in chosen):
                    run(trial, dsn)
                for trial in (t for t in chosen if t.data is data):
                    rows += run(trial, dsn)
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
