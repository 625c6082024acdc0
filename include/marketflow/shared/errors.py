"""The family of errors. A message names the place and the remedy, and never carries personal data."""

from __future__ import annotations


class MarketflowError(Exception):
    """Anything that this project raises on purpose."""


class ConfigurationError(MarketflowError):
    """A setting or secret is missing or does not fit; the message names it."""


class DefinitionError(MarketflowError):
    """A file that users write (campaign, source, template, rule) is wrong; the message names file and field."""


class SourceError(MarketflowError):
    """A landing file or a source cannot be read at all."""


class BatchRefused(MarketflowError):
    """The quality gate stops a batch before it reaches core."""


class StaleData(MarketflowError):
    """The data are older than a send may rely on."""


class NotEnoughData(MarketflowError):
    """A model cannot be made of these data; the message says what is missing. Its run is stored as refused."""
