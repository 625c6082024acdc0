"""The command `marketflow`: what a terminal user needs beside Airflow. `make help` lists the same as make targets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from marketflow.cli.audience import app as audience_app
from marketflow.cli.campaign import app as campaign_app
from marketflow.cli.campaign import preview
from marketflow.cli.delivery import app as delivery_app
from marketflow.cli.docs import docs
from marketflow.cli.evaluate import evaluate
from marketflow.cli.experiment import app as experiment_app
from marketflow.cli.journey import app as journey_app
from marketflow.cli.source import app as source_app
from marketflow.embedded import stack
from marketflow.embedded.config import PARTS, Config
from marketflow.embedded.environment import warehouse_dsn
from marketflow.shared import ConfigurationError, MarketflowError, Settings
from marketflow.warehouse import ROLES, connect, migrate
from marketflow.warehouse import bootstrap as bootstrap_server
from marketflow.warehouse.connect import Role
from marketflow.warehouse.transforms import write_comments

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
RoleOption = Annotated[str, typer.Option(help=f"one of {', '.join(ROLES)}")]


def main() -> None:
    """Run the command; an error of ours is one clear message and exit code 1, without a traceback."""
    try:
        app()
    except MarketflowError as error:
        print(f"marketflow: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def up() -> None:
    """Start PostgreSQL, the mail catcher, the edge service and Airflow in the background; wait until all are ready."""
    stack.up(Config.from_env())
    status()


@app.command()
def stop() -> None:
    """End everything that `up` started. The state stays."""
    stack.stop(Config.from_env())
    print("stopped")


@app.command()
def status() -> None:
    """Show each part of the stack and where to look; exit code 1 when one is not ready."""
    config = Config.from_env()
    parts = stack.status(config)
    for part in parts:
        restarted = f"  (restarted {part.restarts}x)" if part.restarts else ""
        print(f"{part.name:14} {part.state:9} {part.pid or '-':>8}  {part.url}{restarted}".rstrip())
    if any(part.state == "ready" for part in parts):
        users = ", ".join(f"{user} / {password}" for user, password in config.secrets.airflow_users().items())
        print(f"\nAirflow    {config.airflow_url}  ({users})\nInbox      {config.mailbox_url}")
        print("Warehouse  make dsn, for BI tools make dsn ROLE=analyst")
    for name in config.replaced:
        print(f"{name} comes from your environment")
    if any(part.state != "ready" for part in parts):
        raise typer.Exit(1)


@app.command()
def logs(
    part: Annotated[str | None, typer.Argument(help=f"supervisor, migration, {', '.join(PARTS)}")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on printing what is added")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0)] = 20,
) -> None:
    """Print the end of the parts' logs, or of one part's."""
    config = Config.from_env()
    names = ("supervisor", "migration", *PARTS)
    if part is not None and part not in names:
        raise ConfigurationError(f"there is no part {part!r}; there are {', '.join(names)}")
    files = [stack.log_file(config, name) for name in ([part] if part else names)]
    for file in (f for f in files if f.exists()):
        print(f"==> {file}", *file.read_text(errors="replace").splitlines()[-lines or 10**9 :], sep="\n")
    if follow:
        for text in _added(files):
            print(text, end="", flush=True)


@app.command()
def dsn(role: RoleOption = "owner") -> None:
    """Print the warehouse's connection URI (libpq), to standard output and nothing else."""
    print(Config.from_env().dsn(_role(role)))


@app.command(context_settings={"ignore_unknown_options": True})
def psql(
    arguments: Annotated[list[str] | None, typer.Argument(help="handed to psql, such as -c 'SELECT 1'")] = None,
    *,
    role: RoleOption = "owner",
) -> None:
    """Open psql on the warehouse."""
    stack.open_psql(Config.from_env(), _role(role), arguments or [])


@app.command(name="migrate")
def migrate_warehouse() -> None:
    """Apply pending migrations to MARKETFLOW_WAREHOUSE_DSN (the owner's URI), or else to the embedded warehouse."""
    given = Settings().warehouse_dsn
    with connect(given.get_secret_value() if given else warehouse_dsn(Config.from_env())) as conn:
        applied = migrate(conn, Settings().clock().now())
        write_comments(conn)
    print("\n".join(applied) or "nothing to do")


@app.command()
def bootstrap(
    database: Annotated[str, typer.Option(help="the warehouse's database")] = "warehouse",
    *,
    airflow: Annotated[bool, typer.Option("--airflow", help="also Airflow's role and database, `airflow`")] = False,
) -> None:
    """Create roles and database on a server of your own, once, as a superuser. Safe to repeat.

    Reads MARKETFLOW_SUPERUSER_DSN and, for each role that shall be able to log in, MARKETFLOW_PASSWORD_<ROLE>
    (such as MARKETFLOW_PASSWORD_OWNER, and MARKETFLOW_PASSWORD_AIRFLOW).
    """
    from marketflow.embedded.databases import bootstrap_airflow

    superuser = _variable("MARKETFLOW_SUPERUSER_DSN")
    given: dict[Role, str] = {role: os.environ.get(f"MARKETFLOW_PASSWORD_{role.upper()}", "") for role in ROLES}
    bootstrap_server(superuser, database, {role: password for role, password in given.items() if password})
    if airflow:
        bootstrap_airflow(superuser, _variable("MARKETFLOW_PASSWORD_AIRFLOW"))
    print(f"roles and database {database} are ready; next: marketflow migrate")


@app.command()
def keys() -> None:
    """Print a new key ring, for the Airflow connection `marketflow_keys` (its password) and MARKETFLOW_KEYS."""
    from marketflow.privacy import generate_key_ring

    print(generate_key_ring())


@app.command()
def schema(
    *, check: Annotated[bool, typer.Option("--check", help="write nothing; exit code 1 when it differs")] = False
) -> None:
    """Write sql/schema.sql, the sum of the migrations."""
    from marketflow.embedded.schema import build_schema

    path, text = Settings().root / "sql" / "schema.sql", build_schema()
    if not check:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        raise ConfigurationError(f"{path.name} is not the sum of the migrations: run `make schema`")


app.command()(docs)
app.add_typer(audience_app, name="audience")
app.command()(preview)
app.command()(evaluate)
app.add_typer(source_app, name="source")
app.add_typer(campaign_app, name="campaign")
app.add_typer(journey_app, name="journey")
app.add_typer(delivery_app, name="delivery")
app.add_typer(experiment_app, name="experiment")


@app.command()
def reset(*, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False) -> None:
    """Stop the stack and delete its state: data, mails, logs, passwords and keys."""
    config = Config.from_env()
    if not yes:
        typer.confirm(f"Delete everything in {config.home}?", abort=True)
    stack.reset(config)
    print(f"deleted {config.home}")


@app.command()
def demo() -> None:
    """Run the real DAGs on real purchase records, from landing files to mails in the inbox; print a summary."""
    from marketflow.embedded import demo as the_demo

    the_demo.run()


@app.command(context_settings={"ignore_unknown_options": True})
def bench(
    names: Annotated[list[str] | None, typer.Argument(help="some of the benchmarks; all without")] = None,
) -> None:
    """Run the benchmarks; prints a table and writes var/bench/latest.json."""
    root = Settings().root
    raise typer.Exit(
        subprocess.run([sys.executable, "-m", "benchmarks", *(names or [])], cwd=root, check=False).returncode
    )


def _variable(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise ConfigurationError(f"{name} is not set")
    return value


def _role(text: str) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise ConfigurationError(f"there is no role {text!r}; there are {', '.join(ROLES)}")


def _added(files: list[Path]) -> Iterator[str]:
    """What is appended to the files from now on, for ever; a file that begins anew is read from its start."""
    positions = {file: file.stat().st_size if file.exists() else 0 for file in files}
    while True:
        for file in (f for f in files if f.exists()):
            size = file.stat().st_size
            with file.open(errors="replace") as text:
                text.seek(positions[file] if positions[file] <= size else 0)
                yield text.read()
                positions[file] = text.tell()
        time.sleep(0.5)


if __name__ == "__main__":
    main()
