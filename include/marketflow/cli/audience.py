"""`marketflow audience`: look at what a rule selects, and why somebody got a campaign or did not. Nothing is changed.

Uses MARKETFLOW_WAREHOUSE_DSN and MARKETFLOW_KEYS, or else the embedded stack's.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from marketflow.cli.installation import dsn, here, key_ring
from marketflow.shared import ConfigurationError
from marketflow.shared.explain import nearest
from marketflow.warehouse import connect

app = typer.Typer(no_args_is_help=True, help=__doc__)
CHANNELS, PURPOSES = ("email",), ("marketing", "transactional")


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(help="the condition, such as \"segment = 'at_risk'\"")],
    *,
    channel: Annotated[str, typer.Option(help=f"one of {', '.join(CHANNELS)}")] = "email",
    purpose: Annotated[str, typer.Option(help=f"one of {', '.join(PURPOSES)}")] = "marketing",
    day: Annotated[str | None, typer.Option(help="business day, such as 2017-12-31; the clock's without")] = None,
) -> None:
    """Count whom a rule selects, what it costs, ten of them masked, and why others would get nothing."""
    from marketflow.campaigns import explain_audience, load_contact_policy, told

    _one_of("channel", channel, CHANNELS)
    _one_of("purpose", purpose, PURPOSES)
    with connect(dsn(), "owner") as conn:
        found = explain_audience(
            conn, rule, channel=channel, purpose=purpose, day=_day(day), keys=key_ring(), clock=here().clock(),
            policy=load_contact_policy(),
        )  # fmt: skip
    print("\n".join(told(found)))


@app.command()
def why(
    campaign: Annotated[str, typer.Argument(help="the campaign's name, its folder under include/campaigns")],
    customer_id: Annotated[int, typer.Argument(help="the customer's number in the warehouse")],
) -> None:
    """Tell why a customer got a campaign, or why not; of who was not chosen, which part of the rule leaves her out."""
    from marketflow.campaigns import why as reasons

    with connect(dsn(), "owner") as conn:
        print("\n".join(reasons(conn, campaign, customer_id, clock=here().clock())))


def _day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigurationError(f"--day: {text!r} is no day; write it as 2017-12-31") from None


def _one_of(what: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise ConfigurationError(f"--{what}: {word!r} is not one of {', '.join(known)}{nearest(word, known)}")
