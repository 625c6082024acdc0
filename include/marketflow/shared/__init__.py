"""Shared: what every room may use and that knows no room.

Reads:  environment variables.
Writes: nothing.
Never:  opens a database, a socket or a file of the user's; imports another room.
"""

from marketflow.shared.clock import Clock
from marketflow.shared.errors import (
    BatchRefused,
    ConfigurationError,
    DefinitionError,
    MarketflowError,
    NotEnoughData,
    SourceError,
    StaleData,
)
from marketflow.shared.settings import Settings, settings
from marketflow.shared.shop import Shop

__all__ = [
    "BatchRefused",
    "Clock",
    "ConfigurationError",
    "DefinitionError",
    "MarketflowError",
    "NotEnoughData",
    "Settings",
    "Shop",
    "SourceError",
    "StaleData",
    "settings",
]
