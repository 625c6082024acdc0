"""The one place where the fire's contact policy and limits are written; planner and senders read the same files.

Two campaigns to the same people compete under a cap of one mail a week, and live for six days: the second is never sent later.
"""

from __future__ import annotations

from pathlib import Path

from marketflow.campaigns.definition.contact_policy import ContactPolicy, load_contact_policy

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
QUIET_FROM, QUIET_TO = 21, 8
MAX_AGE_DAYS = 6  # less than the cap's days


def write_rules(folder: Path) -> None:
    """The files, for `policy_of`."""
    (folder / "contact_policy.yaml").write_text(CONTACT_POLICY)


def policy_of(folder: Path) -> ContactPolicy:
    """The contact policy, read anew."""
    return load_contact_policy(folder / "contact_policy.yaml")
