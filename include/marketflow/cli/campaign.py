"""`marketflow campaign` and `marketflow preview`: look at campaigns before anybody gets them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marketflow.cli.installation import dsn, here, key_ring
from marketflow.privacy import KeyRing
from marketflow.shared import ConfigurationError, DefinitionError
from marketflow.shared.explain import nearest
from marketflow.warehouse import connect

if TYPE_CHECKING:
    import psycopg

    from marketflow.campaigns import Campaign

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def campaign() -> None:
    """Look at campaigns before anybody gets them."""


@app.command(name="lint")
def lint_campaigns(
    names: Annotated[list[str] | None, typer.Argument(help="some of include/campaigns; all without")] = None,
) -> None:
    """Report faults of templates, with file and line; exit code 1 when there is an error, which no plan gets past."""
    from marketflow.campaigns import lint_campaign

    day = here().clock().business_date()
    findings = {c.name: lint_campaign(c, day) for c in _campaigns(names)}
    for name, found in findings.items():
        print("\n".join(map(str, found)) or f"{name}: nothing to say")
    if any(f.severity == "error" for found in findings.values() for f in found):
        raise typer.Exit(1)


def preview(
    name: Annotated[str, typer.Argument(help="the campaign's name, such as win_back")],
    *,
    locale: Annotated[str | None, typer.Option(help="one language only, such as zh")] = None,
    out: Annotated[Path | None, typer.Option(help="the page's file; else var/preview/<campaign>/index.html")] = None,
) -> None:
    """Write a page with real messages for real customers, masked; for nobody where no warehouse can be reached."""
    from marketflow.campaigns import preview as make

    cfg, [campaign] = here(), _campaigns([name])
    day = cfg.clock().business_date()
    with _warehouse() as (conn, keys):
        made = make(campaign, day=day, locale=locale, conn=conn, keys=keys)
    path = out or cfg.home / "preview" / name / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made.html, encoding="utf-8")
    print(f"{path}: {made.customers} customers, masked" if made.customers else f"{path}: stand-ins, no customers")
    for finding in made.findings:
        print(finding)


@app.command(name="picture")
def campaign_picture(
    name: Annotated[str, typer.Argument(help="the campaign's name, such as win_back")],
    *,
    out: Annotated[Path | None, typer.Option(help="the file, .png or .svg; else var/pictures/<campaign>.png")] = None,
) -> None:
    """Draw what became of a campaign, of what `evaluate_campaigns` last found, and say it in words."""
    from marketflow.evaluation import draw_campaigns, picture_name
    from marketflow.warehouse import queries

    cfg = here()
    with connect(dsn()) as conn:
        if not draw_campaigns(conn, clock=cfg.clock(), campaign=name):
            raise DefinitionError(
                f"{name}: nothing of it was sent and evaluated yet; the DAG evaluate_campaigns does that"
            )
        [found] = conn.execute(queries("evaluation")["picture"], {"name": picture_name(name)}).fetchall()
    _, description, png, svg = found
    path = out or cfg.home / "pictures" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(svg.encode() if path.suffix == ".svg" else bytes(png))
    print(f"{path}: {description}")


def _campaigns(names: list[str] | None) -> list[Campaign]:
    from marketflow.campaigns import load_campaigns

    found = {c.name: c for c in load_campaigns()}
    for unknown in [n for n in names or () if n not in found]:
        raise DefinitionError(f"there is no campaign {unknown!r}{nearest(unknown, list(found))}")
    return [found[n] for n in names or found]


@contextmanager
def _warehouse() -> Iterator[tuple[psycopg.Connection | None, KeyRing | None]]:
    """MARKETFLOW_WAREHOUSE_DSN's warehouse, else the embedded stack's, with its keys; None where none answers."""
    import psycopg

    try:
        keys = key_ring()
        opened = connect(dsn())
        conn = opened.__enter__()
    except (psycopg.OperationalError, ConfigurationError, OSError) as error:
        print(f"no warehouse ({type(error).__name__}): the page shows nobody's messages")
        yield None, None
        return
    try:
        conn.execute("SET TRANSACTION READ ONLY")
        yield conn, keys
    finally:
        conn.rollback()
        conn.close()
