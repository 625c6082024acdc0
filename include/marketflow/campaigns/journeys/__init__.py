"""Journeys: what people write in include/journeys/<name>/, and everybody's way through it, by set-based statements.

Reads:  include/journeys; marts.*, core.orders, core.events, core.customers, activation.tracking_events; through the
        policy privacy.* as planning does.
Writes: activation.journey_*; plans and the ledger's rows of steps that send, in the transaction that moves the people.
Never:  sends anything, calls another system, or loops over people.
"""

from marketflow.campaigns.journeys.enrol import Enrolled, cancel_visits, end_left_behind, end_visits, enrol
from marketflow.campaigns.journeys.load import Journey, find_journeys, load_journey, load_journeys
from marketflow.campaigns.journeys.picture import Counts, page, read_counts
from marketflow.campaigns.journeys.register import lint_journey
from marketflow.campaigns.journeys.tick import TickSummary, dry_tick, tick

__all__ = [
    "Counts",
    "Enrolled",
    "Journey",
    "TickSummary",
    "cancel_visits",
    "dry_tick",
    "end_left_behind",
    "end_visits",
    "enrol",
    "find_journeys",
    "lint_journey",
    "load_journey",
    "load_journeys",
    "page",
    "read_counts",
    "tick",
]
