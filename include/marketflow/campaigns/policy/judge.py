"""The outcomes of planning, in the order in which they are looked for, and the one statement that finds them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg

from marketflow.warehouse import queries

# What activation.plan_members.outcome may say; each refusal is counted under its name in activation.plans.refusals.
OUTCOMES: Mapping[str, str] = {
    "occasion_too_old": "what the message would be about is longer ago than the campaign allows (max_age_days)",
    "no_contact_point": "the customer has no address on this channel",
    "already_planned": "the ledger has this campaign and occasion for the address, whatever became of it",
    "suppressed": "the address bounced, complained, unsubscribed, or was shut out by a person",
    "no_consent": "the customer never allowed this purpose, or has withdrawn it",
    "topic_unwanted": "the customer does not want what the campaign is about (its topic), by the preference page",
    "holdout": "drawn never to get marketing, so that all of it can be measured",
    "frequency_cap": "has got, or will get from campaigns that go first, as many messages as the contact policy allows",
    "frequency_choice": "has got, or will get from campaigns that go first, as much as chosen on the preference page",
    "shared_contact_point": "another customer of the audience has the same address and goes first",
    "audience_limit": "beyond the limit that was set for the occasion, or for one run where events bring the people",
    "quiet_too_long": "by the customer's clock the quiet hours end when the message has expired",
    "budget": "the campaign's budget does not pay for another message",
    "daily_limit": "the campaign has planned as many messages today as it may (limits.per_day)",
    "experiment_holdout": "drawn to get nothing from this campaign, so that what it brings can be measured",
    "planned": "gets the message, unless something changes before it is sent",
}

# Quiet hours are less than a day; a clock that is put back makes them longer.
_LONGEST_NIGHT = dt.timedelta(hours=26)


def judge(
    conn: psycopg.Connection, plan: Mapping[str, Any], audience_limit: int | None, *, per_run: bool = False
) -> dict[str, int]:
    """Give everybody in pg_temp.plan_audience an outcome and return how many have which.

    `plan` holds plan_id, campaign, occasion, occasion_on, oldest_on, channel, purpose, priority, now, expires_at,
    time_zone, and the parameters of the contact policy. An audience limit is for the whole occasion, or (`per_run`) for
    this plan alone.
    """
    q = queries("policy")
    conn.execute(q["members_insert"], {**plan, "audience_limit": audience_limit, "per_run": per_run})
    if plan["quiet_from"] and plan["expires_at"] <= plan["now"] + _LONGEST_NIGHT:
        zones = [str(zone) for (zone,) in conn.execute(q["zones_asleep"], plan)]
        if zones:
            conn.execute(q["members_asleep"], {**plan, "zones": zones})
    return {str(outcome): int(n) for outcome, n in conn.execute(q["members_count"], plan).fetchall()}
