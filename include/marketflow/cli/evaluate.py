"""`marketflow evaluate`: judge an experiment that was run elsewhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from marketflow.shared import ConfigurationError


def evaluate(
    file: Annotated[
        Path, typer.Argument(help="CSV (UTF-8, first line names the columns) or Parquet, one row a person")
    ],
    *,
    variant: Annotated[
        str | None, typer.Option(help="the column that says who got what; else one with such a name")
    ] = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option(help="a column of 0 and 1, or of amounts; repeat for more. Else all with numbers"),
    ] = None,
    control: Annotated[str | None, typer.Option(help="the variant that the others are held against")] = None,
    person: Annotated[
        str | None, typer.Option(help="the column that says who it is: nobody may be there twice")
    ] = None,
    shares: Annotated[
        str | None, typer.Option(help="what part each variant was meant to get, such as control=0.5,new=0.5")
    ] = None,
    alpha: Annotated[float, typer.Option(help="how often an interval may miss the truth")] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Judge an experiment that was run elsewhere: differences with intervals, as for campaigns of our own."""
    from marketflow.evaluation.experiment_file import judge_file, told

    found = judge_file(
        file, variant=variant, outcomes=outcome or (), control=control, person=person,
        shares=_shares(shares) if shares else None, alpha=alpha,
    )  # fmt: skip
    if as_json:
        print(json.dumps(_finite(asdict(found)), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print("\n".join(told(found)))


def _shares(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in text.split(","):
        name, sign, share = part.rpartition("=")
        try:
            found[name.strip()] = float(share)
        except ValueError:
            sign = ""
        if not sign or not name.strip():
            raise ConfigurationError(f"--shares: {part.strip()!r} is not like control=0.5")
    return found


def _finite(value: object) -> object:
    """JSON has no infinity: an interval's open end is null."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and value in (float("inf"), float("-inf")) else value
