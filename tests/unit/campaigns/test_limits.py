"""Until when a planned message may be sent: its age, and the campaign's last day, whichever comes first."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from marketflow.campaigns import load_campaigns
from marketflow.campaigns.planning.limits import expiry
from marketflow.shared import Clock

CAMPAIGN = load_campaigns()[0]
NEW_YORK = ZoneInfo("America/New_York")
NOW = dt.datetime(2018, 1, 1, 15, tzinfo=NEW_YORK)  # the day after the clock's last complete one


@pytest.mark.parametrize(
    ("end", "until"),
    [
        (None, dt.datetime(2018, 1, 4, 15, tzinfo=NEW_YORK)),
        (dt.date(2018, 1, 1), dt.datetime(2018, 1, 2, tzinfo=NEW_YORK)),
        (dt.date(2018, 1, 3), dt.datetime(2018, 1, 4, tzinfo=NEW_YORK)),
        (dt.date(2018, 1, 4), dt.datetime(2018, 1, 4, 15, tzinfo=NEW_YORK)),
        (dt.date(2018, 1, 5), dt.datetime(2018, 1, 4, 15, tzinfo=NEW_YORK)),
        (dt.date.max, dt.datetime(2018, 1, 4, 15, tzinfo=NEW_YORK)),
    ],
)
def test_a_message_expires_by_its_age_or_with_its_campaign(end: dt.date | None, until: dt.datetime) -> None:
    campaign = CAMPAIGN.model_copy(update={"max_age_days": 3, "end": end})
    assert expiry(campaign, Clock(time_zone=NEW_YORK, pinned_day=dt.date(2017, 12, 31)), NOW) == until
