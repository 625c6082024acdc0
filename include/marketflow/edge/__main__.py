"""`python -m marketflow.edge`: serve, with what the environment says.

That is MARKETFLOW_WAREHOUSE_DSN, MARKETFLOW_KEYS, MARKETFLOW_WRITE_KEYS, MARKETFLOW_COLLECTOR_*, MARKETFLOW_EDGE_*;
what is said of links: MARKETFLOW_LINK_DAYS, MARKETFLOW_UTM_SOURCE, MARKETFLOW_CLICK_ID; and of providers that report:
MARKETFLOW_SES_TOPICS, MARKETFLOW_SENDGRID_PUBLIC_KEY, MARKETFLOW_BOUNCE_ADDRESS.
"""

from __future__ import annotations

import logging
from pathlib import Path

from marketflow.edge.app import create_app
from marketflow.edge.clients import trusted_proxies
from marketflow.edge.collector import Collector, EventLog, WriteKeys
from marketflow.edge.desk import Standby
from marketflow.edge.server import serve, server_options
from marketflow.edge.tracking import Tracker
from marketflow.edge.webhooks import Hooks, Provider, SendGrid, Ses, read_topics
from marketflow.privacy import KeyRing
from marketflow.shared import ConfigurationError, Settings, settings

_NONE = ("", "none")  # Compose has no word for nothing
# A segment is taken in one transaction, and the role of senders may not hold one for half a minute: 2 MiB, some 15,000
# records, take seconds.
_JOURNAL_MIB = 2


def main() -> None:
    """Run until stopped; raises ConfigurationError when a secret is missing."""
    found = settings()
    if found.warehouse_dsn is None or found.keys is None:
        raise ConfigurationError("the edge service needs MARKETFLOW_WAREHOUSE_DSN (role edge) and MARKETFLOW_KEYS")
    keys = KeyRing.from_json(found.keys.get_secret_value())
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s:     %(message)s")
    log = event_log(found, keys)
    collector = Collector(log, _write_keys(found), found.clock(), per_second=found.collector_rate)
    tracker = _tracker(found, keys)
    hooks = _hooks(found, keys)
    dsn = found.warehouse_dsn.get_secret_value()
    standby = Standby.of(found, dsn, keys)
    app = create_app(dsn, keys, found.clock(), collector=collector, standby=standby, tracker=tracker, hooks=hooks)
    log.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the journals stand in it
    with standby.running():
        serve(
            app,
            log,
            tracker.journal,
            *([hooks.journal] if hooks else []),
            host=found.edge_host,
            port=found.edge_port,
            **server_options(found.edge_request_seconds),
        )


def event_log(found: Settings, keys: KeyRing) -> EventLog:
    """The log as the settings want it."""
    return EventLog(
        found.collector_log, keys, found.clock(), segment_bytes=found.collector_segment_mib << 20,
        segment_seconds=found.collector_segment_seconds, reserve_bytes=found.collector_reserve_mib << 20,
    )  # fmt: skip


def journal(found: Settings, keys: KeyRing, folder: Path) -> EventLog:
    """A journal in this folder, whose segments are taken every minute or so, each in a transaction of its own."""
    return EventLog(
        folder, keys, found.clock(), segment_bytes=_JOURNAL_MIB << 20, segment_seconds=found.journal_seconds,
        reserve_bytes=found.collector_reserve_mib << 20, name=folder.name,
    )  # fmt: skip


def _tracker(found: Settings, keys: KeyRing) -> Tracker:
    return Tracker(
        journal(found, keys, found.tracked), keys, found.clock(), found.brand, link_days=found.link_days,
        utm_source="" if found.utm_source == "none" else found.utm_source, click_id=found.click_id,
        proxies=trusted_proxies(found.edge_proxies),
    )  # fmt: skip


def _hooks(found: Settings, keys: KeyRing) -> Hooks | None:
    """The webhooks of the providers that are configured; None without any."""
    providers: list[Provider] = []
    if found.ses_topics not in _NONE and (topics := read_topics(found.ses_topics)):
        providers.append(Ses(topics, keys, found.clock(), bounce_address=found.own_bounce_address))
    if found.has_sendgrid:
        providers.append(SendGrid(found.sendgrid_public_key, keys, found.clock()))
    return Hooks(providers, journal(found, keys, found.reports)) if providers else None


def _write_keys(found: Settings) -> WriteKeys:
    return WriteKeys.parse(found.write_keys.get_secret_value() if found.write_keys else "")


if __name__ == "__main__":
    main()
