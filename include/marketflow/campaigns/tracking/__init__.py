"""Tracking: what people and machines did with a message, from the edge service's journals into tables.

Reads:  the closed segments of a journal; activation.sends.
Writes: activation.tracking_events; deletes segments whose records are committed; settles unknown messages that were
        opened, by the door of `delivery`.
        Empties where old events came from.
Never:  deletes an event or what it could not read; counts what a machine did as a person's.
"""

from marketflow.campaigns.tracking.forgetting import forget_networks
from marketflow.campaigns.tracking.journal import Record, Taken, is_waiting, take
from marketflow.campaigns.tracking.taking import TrackingSummary, take_tracking
from marketflow.campaigns.tracking.verdicts import PROXIES

__all__ = ["PROXIES", "Record", "Taken", "TrackingSummary", "forget_networks", "is_waiting", "take", "take_tracking"]
