"""`marketflow delivery`: settle messages of which nobody knows whether they arrived, by a mail server's log.

Lines of such a log hold addresses, so they go to no form of Airflow's, which keeps what is typed. Here only the
Message-IDs in them are read, and written nowhere but to the ledger. Uses MARKETFLOW_WAREHOUSE_DSN, or else the embedded
stack's warehouse.
"""

from __future__ import annotations

import getpass
import os
import sys
from typing import Literal

import typer

from marketflow.cli.installation import dsn, here
from marketflow.shared import ConfigurationError
from marketflow.warehouse import connect

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command()
def unknown() -> None:
    """List the messages that are unknown, with their Message-IDs."""
    from marketflow.campaigns.delivery import unknown_report

    with connect(dsn(), "sender") as conn:
        print(unknown_report(conn))


@app.command()
def arrived() -> None:
    """Read a mail server's log from standard input: the messages that it names arrived (`sent`)."""
    _settle("arrived")


@app.command()
def give_up() -> None:
    """Read a mail server's log from standard input: the messages that it names did not arrive (`failed`)."""
    _settle("give_up")


def _settle(decision: Literal["arrived", "give_up"]) -> None:
    from marketflow.campaigns.delivery import reconcile_by_message_id

    if not (named := _message_ids()):
        raise ConfigurationError("there is no Message-ID of ours in that text: they are 32 hex digits, @ and a domain")
    with connect(dsn(), "sender") as conn:
        done = reconcile_by_message_id(conn, named, decision, by=_who(), now=here().clock().now())
    print("settled:", ", ".join(f"{count:,} {state}" for state, count in done.states.items()) or "none")
    if done.not_unknown:
        print(f"not unknown, and left alone: {done.not_unknown:,}")


def _message_ids() -> list[str]:
    """Those of ours in standard input, line by line: a log may be long, and in any encoding."""
    from marketflow.campaigns.delivery import message_ids_in

    if sys.stdin.isatty():
        print("paste the lines, then Ctrl-D on a line of its own", file=sys.stderr)
    lines = (line.decode("ascii", "replace") for line in sys.stdin.buffer)
    return list(dict.fromkeys(found for line in lines for found in message_ids_in(line)))


def _who() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        name = f"uid {os.getuid()}"
    return f"{name} (terminal)"
