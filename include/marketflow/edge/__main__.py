"""`python -m marketflow.edge`: serve, with what the environment says.

That is MARKETFLOW_WAREHOUSE_DSN, MARKETFLOW_KEYS, MARKETFLOW_WRITE_KEYS, MARKETFLOW_COLLECTOR_* and MARKETFLOW_EDGE_*.
"""

from __future__ import annotations

import logging

from marketflow.edge.app import create_app
from marketflow.edge.collector import Collector, EventLog, WriteKeys
from marketflow.edge.server import serve, server_options
from marketflow.privacy import KeyRing
from marketflow.shared import ConfigurationError, Settings, settings


def main() -> None:
    """Run until stopped; raises ConfigurationError when a secret is missing."""
    found = settings()
    if found.warehouse_dsn is None or found.keys is None:
        raise ConfigurationError("the edge service needs MARKETFLOW_WAREHOUSE_DSN (role edge) and MARKETFLOW_KEYS")
    keys = KeyRing.from_json(found.keys.get_secret_value())
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s:     %(message)s")
    log = event_log(found, keys)
    collector = Collector(log, _write_keys(found), found.clock(), per_second=found.collector_rate)
    app = create_app(found.warehouse_dsn.get_secret_value(), keys, found.clock(), collector=collector)
    serve(app, log, host=found.edge_host, port=found.edge_port, **server_options(found.edge_request_seconds))


def event_log(found: Settings, keys: KeyRing) -> EventLog:
    """The log as the settings want it."""
    return EventLog(
        found.collector_log, keys, found.clock(), segment_bytes=found.collector_segment_mib << 20,
        segment_seconds=found.collector_segment_seconds, reserve_bytes=found.collector_reserve_mib << 20,
    )  # fmt: skip


def _write_keys(found: Settings) -> WriteKeys:
    return WriteKeys.parse(found.write_keys.get_secret_value() if found.write_keys else "")


if __name__ == "__main__":
    main()
