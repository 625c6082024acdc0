"""Tracking: what people and machines did with a message, from the edge service's journals into tables.

Reads:  the closed segments of a journal; activation.sends.
Writes: deletes segments whose records are committed.
Never:  judges a record before it is stored, or deletes what it could not read.
"""

from marketflow.campaigns.tracking.journal import Record, Taken, is_waiting, take

__all__ = ["Record", "Taken", "is_waiting", "take"]
