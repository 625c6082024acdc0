"""Which installation a command speaks to: MARKETFLOW_WAREHOUSE_DSN and MARKETFLOW_KEYS, or the embedded stack."""

from __future__ import annotations

from marketflow.embedded.config import Config
from marketflow.embedded.environment import pinned_settings, warehouse_dsn
from marketflow.privacy import KeyRing
from marketflow.shared import Settings, settings


def here() -> Settings:
    """The settings; of the embedded stack with its clock, which the demo lets stand at its data's end."""
    return settings() if settings().warehouse_dsn else pinned_settings(Config.from_env())


def dsn() -> str:
    """libpq URI of the warehouse's owner."""
    given = settings().warehouse_dsn
    return given.get_secret_value() if given else warehouse_dsn(Config.from_env())


def key_ring() -> KeyRing:
    """The keys of personal data."""
    given = settings().keys
    return KeyRing.from_json(given.get_secret_value() if given else Config.from_env().secrets.key_ring())
