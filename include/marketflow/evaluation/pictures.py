"""One picture per campaign: how far its messages got, what it caused, and which orders models give to it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
from psycopg.rows import dict_row

from marketflow.evaluation.attribution import MODELS
from marketflow.pictures import (
    AttributedOrders,
    CampaignCard,
    Caption,
    Lift,
    Picture,
    Stage,
    campaign_card,
    can_write,
    day_in_words,
    number,
    store_picture,
)
from marketflow.shared import Clock, settings
from marketflow.warehouse import queries

MODEL_WORDS = {
    "first": "All to the first message",
    "last": "All to the last message",
    "linear": "The same to each message",
    "time_decay": "More to newer messages",
    "position": "Most to the first and the last message",
}
_NOBODY = (
    "Nobody was held out of this campaign, so nobody can say what it caused:\n"
    "many of its buyers would have come anyway.\n\n"
    "Hold out a few: by an experiment in its campaign.yaml, or for all\n"
    "campaigns by holdout in include/contact_policy.yaml."
)
_SOURCE = (
    "Source: marts.campaign_results, campaign_uplift, campaign_attribution. The ranges hold the truth 19 times of 20."
)

Row = dict[str, Any]


def picture_name(campaign: str) -> str:
    """The name in models.pictures."""
    return f"campaign_{campaign}"


def draw_campaigns(
    conn: psycopg.Connection, *, clock: Clock, campaign: str | None = None, currency: str | None = None
) -> list[str]:
    """Draw each campaign that sent anything (or the one that is named) and store it; gives the pictures' names.

    From the marts as `evaluate_campaigns` left them. `currency`: the shop's own; None is the setting's.
    """
    unit = currency or settings().currency
    with conn.transaction():
        drawn = [_draw(conn, row, clock, unit) for row in _rows(conn, "drawn_campaigns", campaign=campaign)]
        for picture in drawn:
            store_picture(conn, picture, run_ids=[], as_of=clock.business_date(), made_at=clock.now())
    return [picture.name for picture in drawn]


def _rows(conn: psycopg.Connection, name: str, **values: Any) -> list[Row]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries("evaluation")[name], values).fetchall()


def _draw(conn: psycopg.Connection, row: Row, clock: Clock, unit: str) -> Picture:
    of = {"campaign": row["campaign"], "channel": row["channel"]}
    uplift = {u["measure"]: u for u in _rows(conn, "drawn_uplift", **of)}
    models = {m["model"]: m for m in _rows(conn, "drawn_models", **of)}
    lifts = [lift for u in (uplift.get("conversion"), uplift.get("revenue")) if u for lift in [lift_of(u, unit)]]
    card = CampaignCard(
        stages=_stages(row), note=_machines(row), lifts=lifts, nothing=_NOBODY,
        models=[
            AttributedOrders(model=MODEL_WORDS[m], sent=models[m]["sent"] or 0, clicked=models[m]["clicked"] or 0)
            for m in MODELS
            if m in models
        ],
        is_simulated=any(found["is_simulated"] for found in (row, *uplift.values(), *models.values())),
    )  # fmt: skip
    return campaign_card(_caption(row, uplift, card, clock, unit), card)


def _caption(row: Row, uplift: dict[str, Row], card: CampaignCard, clock: Clock, unit: str) -> Caption:
    title = row["title"] if can_write(row["title"]) else row["campaign"]
    first, last = (row[at].astimezone(clock.time_zone).date() for at in ("first_sent_at", "last_sent_at"))
    said = _verdict(row, uplift, unit)
    waiting = max((u["waiting"] for u in uplift.values()), default=0)
    still = f" Not over yet for {number(waiting)} people: the numbers will change." if waiting else ""
    about = f"{_days(first, last)}; orders within {row['attribution_days']} days count.{still}"
    simulated = "Simulated data. " if card.is_simulated else ""
    lifts = " ".join(f"{lift.title}: {lift.label}. {lift.verdict}." for lift in card.lifts)
    steps = ", ".join(f"{stage.name.lower()} {number(stage.count)}" for stage in card.stages)
    return Caption(
        name=picture_name(row["campaign"]), title=title, subtitle=f"{said}\n{about}",
        source=f"{simulated}{_SOURCE}", description=f"{simulated}{title}. {said} {about} {steps}. {lifts}".strip(),
    )  # fmt: skip


def _days(first: dt.date, last: dt.date) -> str:
    if first == last:
        return f"Sent on {day_in_words(first)}"
    return f"Sent from {day_in_words(first)} to {day_in_words(last)}"


def _stages(row: Row) -> list[Stage]:
    sent = row["sent"]
    names = (("Delivered", "delivered"), ("Opened", "opened"), ("Clicked", "clicked"))
    reached = [Stage(name=name, count=row[column], of=sent) for name, column in names]
    return [Stage(name="Sent", count=sent), *reached, Stage(name="Bought", count=row["buyers"], of=row["people"])]


def _machines(row: Row) -> str:
    opened, clicked = number(row["opened_by_proxy"]), number(row["clicked_by_scanner"])
    if not (row["opened_by_proxy"] or row["clicked_by_scanner"]):
        return "Bought: with or without a click, and not always because of it."
    return f"Opened and clicked by people; machines alone opened {opened} and clicked in {clicked}."


def _verdict(row: Row, uplift: dict[str, Row], unit: str) -> str:
    """The one sentence to remember."""
    found = uplift.get("conversion")
    if found is None:
        return f"{number(row['buyers'])} of {number(row['people'])} people bought; how many because of it is not known."
    of = f" of {number(found['people'])} who were to get it"
    if found["difference_low"] > 0:
        return f"About {number(found['incremental'])} people{of} bought because of it{_money(uplift, unit)}."
    if found["difference_high"] < 0:
        return f"About {number(-found['incremental'])} people{of} did not buy because of it."
    return f"It is not proven that it made anybody buy:{of[3:]} as many may have bought without it."


def _money(uplift: dict[str, Row], unit: str) -> str:
    revenue = uplift.get("revenue")
    if revenue is None or not revenue["has_enough"] or revenue["difference_low"] <= 0:
        return ""
    back = revenue["return_on_cost"]
    brought = f" and brought {number(revenue['incremental'])} {unit}"
    return brought if back is None else f"{brought}, {number(back, 1)} {unit} beyond each {unit} that it cost"


def lift_of(found: Row, unit: str) -> Lift:
    """A row of marts.campaign_uplift in words and in the units that people speak in: buyers among 100 people."""
    conversion = found["measure"] == "conversion"
    scale, digits = (100, _digits(found)) if conversion else (1, 2)
    value, control = (number(scale * found[name], digits) for name in ("value", "control_value"))
    difference, low, high = (scale * found[f"difference{end}"] for end in ("", "_low", "_high"))
    title = (
        f"Buyers among 100 people: {value} with the campaign, {control} without"
        if conversion
        else f"Revenue per person: {value} {unit} with the campaign, {control} without"
    )
    return Lift(
        title=title, difference=difference, low=low, high=high, verdict=_meaning(found, unit),
        label=f"{_signed(difference, digits)} ({_signed(low, digits)} to {_signed(high, digits)})",
    )  # fmt: skip


def _digits(found: Row) -> int:
    """Rare conversions need more digits to differ."""
    return 2 if max(found["value"], found["control_value"]) >= 0.01 else 3


def _signed(value: float, digits: int) -> str:
    text = number(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.,") else text


def _meaning(found: Row, unit: str) -> str:
    conversion = found["measure"] == "conversion"
    what = "people bought" if conversion else f"{unit} revenue"
    if not conversion and not found["has_enough"]:
        return "Too few buyers to tell anything about revenue"
    low, high = found["incremental_low"], found["incremental_high"]
    if low > 0:
        return f"More {what} because of it: {number(low)} to {number(high)}"
    if high < 0:
        return f"{'Fewer' if conversion else 'Less'} {what} because of it: {number(-high)} to {number(-low)}"
    return f"Not proven: {number(low)} to {number(high)} {'buyers' if conversion else unit}"
