"""Collector: behaviour over HTTP, with the calls that Segment's libraries make.

Reads:  requests; MARKETFLOW_WRITE_KEYS.
Writes: the event log below MARKETFLOW_COLLECTOR_LOG, encrypted, from which the source `collector` loads the warehouse.
Never:  waits for the database, answers before an event is durable, logs a value that was sent.
"""

from marketflow.edge.collector.app import PREFIX, Collector
from marketflow.edge.collector.keys import WriteKeys
from marketflow.edge.collector.log import EventLog

__all__ = ["PREFIX", "Collector", "EventLog", "WriteKeys"]
