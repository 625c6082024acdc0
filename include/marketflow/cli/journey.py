"""`marketflow journey`: look at journeys before anybody enters, and at where people stand."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marketflow.cli.installation import dsn, here
from marketflow.shared import ConfigurationError, DefinitionError
from marketflow.shared.explain import nearest
from marketflow.warehouse import connect

if TYPE_CHECKING:
    from marketflow.campaigns.journeys import Counts, Journey

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def journey() -> None:
    """Look at journeys before anybody enters, and at where people stand."""


@app.command(name="lint")
def lint_journeys(
    names: Annotated[list[str] | None, typer.Argument(help="some of include/journeys; all without")] = None,
) -> None:
    """Report faults of files and templates, with file and line; exit code 1 when there is an error."""
    from marketflow.campaigns.journeys import lint_journey

    clock = here().clock()
    findings = {j.name: lint_journey(j, clock=clock) for j in _journeys(names)}
    for name, found in findings.items():
        print("\n".join(map(str, found)) or f"{name}: nothing to say")
    if any(f.severity == "error" for found in findings.values() for f in found):
        raise typer.Exit(1)


@app.command()
def picture(
    name: Annotated[str, typer.Argument(help="the journey's name, such as welcome_series")],
    *,
    out: Annotated[Path | None, typer.Option(help="the page's file; else var/preview/<journey>/index.html")] = None,
) -> None:
    """Draw a journey as a page: its steps, how many stand on each and how many went which way."""
    from marketflow.campaigns.journeys import page

    cfg, [found] = here(), _journeys([name])
    counts, words = _counts(name)
    path = out or cfg.home / "preview" / name / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(found, counts, day=cfg.clock().business_date()), encoding="utf-8")
    print(f"{path}: {words}")


def _counts(name: str) -> tuple[Counts, str]:
    """Those of the warehouse; none where it does not answer."""
    import psycopg

    from marketflow.campaigns.journeys import Counts, read_counts

    with suppress(psycopg.OperationalError, ConfigurationError, OSError), connect(dsn()) as conn:
        counts = read_counts(conn, name)
        return counts, f"{counts.ends.get('visits', 0):,} visits"
    return Counts(), "no warehouse answers, so no counts"


def _journeys(names: list[str] | None) -> list[Journey]:
    from marketflow.campaigns.journeys import load_journeys

    found = {j.name: j for j in load_journeys()}
    for unknown in [n for n in names or () if n not in found]:
        raise DefinitionError(f"there is no journey {unknown!r}{nearest(unknown, list(found))}")
    return [found[n] for n in names or found]
