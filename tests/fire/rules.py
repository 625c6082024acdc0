"""The one place where the fire's contact policy and limits are written; planner and senders read the same files.

Two campaigns to the same people compete under a cap of one mail a week, and live for six days: the second is never sent later.
"""

from __future__ import annotations

from pathlib import Path

from marketflow.campaigns.definition.contact_policy import ContactPolicy, load_contact_policy
from marketflow.campaigns.delivery import load_delivery_rules
from marketflow.campaigns.delivery.limits_file import ChannelRules

CONTACT_POLICY = """\
frequency_caps:
  - messages: 1
    days: 7
quiet_hours:
  - from: "21:00"
    to: "8:00"
holdout:
  share: 0.02
  salt: fire
"""
DELIVERY = """\
channels:
  email:
    per_second: 500
    per_hour: 100000
    domains:
      example.org: {per_second: 150}
      "*": {per_second: 250}
    stop: {}
"""
QUIET_FROM, QUIET_TO = 21, 8
MAX_AGE_DAYS = 6  # less than the cap's days


def write_rules(folder: Path) -> None:
    """The files, for `policy_of` and `limits_of`."""
    (folder / "contact_policy.yaml").write_text(CONTACT_POLICY)
    (folder / "delivery.yaml").write_text(DELIVERY)


def policy_of(folder: Path) -> ContactPolicy:
    """The contact policy, read anew."""
    return load_contact_policy(folder / "contact_policy.yaml")


def limits_of(folder: Path) -> ChannelRules:
    """What all senders of the channel share."""
    return load_delivery_rules(folder / "delivery.yaml").of("email")
