"""`python -m benchmarks [name]`: run all benchmarks, or one."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import benchmarks
from benchmarks import Result
from marketflow.shared import Clock, settings

ROW = "{:<20} {:>14} {:>14} {:>7}  {:<8} {}"


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_"))


def main(arguments: list[str]) -> int:
    """Run those that `arguments` name (none: all); the exit code is 2 for an unknown name."""
    unknown = [name for name in arguments if name not in names()]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names())}", file=sys.stderr)
        return 2
    print(ROW.format("name", "ours", "baseline", "ratio", "unit", "what"), flush=True)
    for name in arguments or names():
        result: Result = importlib.import_module(f"benchmarks.{name}").run()
        figures = (f"{result.ours:,.2f}", f"{result.baseline:,.2f}", f"{result.ratio:.2f}")
        print(ROW.format(result.name, *figures, result.unit, result.what), flush=True)
        for what, figure in result.beside.items():
            print(f"{'':<20} {figure:>14,.2f} {what}", flush=True)
        record(settings().home / "bench" / "latest.json", result)
    return 0


def record(path: Path, result: Result) -> None:
    """Put the result into the file in place of an older one of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        found: list[dict[str, Any]] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        found = []
    entry = {
        "name": result.name, "ours": round(result.ours, 4), "baseline": round(result.baseline, 4),
        "ratio": round(result.ratio, 4), "unit": result.unit, "what": result.what,
        "beside": dict(result.beside),
        "when": Clock(time_zone=ZoneInfo("UTC")).now().isoformat(timespec="seconds"),
    }  # fmt: skip
    entries = sorted([e for e in found if e["name"] != result.name] + [entry], key=lambda e: str(e["name"]))
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(entries, indent=2) + "\n")
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
