"""Sources: files of a shop's export on their way into raw; the contracts of the records.

Reads:  landing folders; ops.landing_files, the manifest.
Writes: raw.* (personal fields encrypted), ops.loads, ops.landing_files, ops.quarantine.
Never:  judges a batch (that is `quality`), touches core, shows a value of a file in a log or an error.
"""

from marketflow.sources.contracts import CONTRACTS, EARLIEST, Column, Contract, Rule, contract_of, latest_instant
from marketflow.sources.contracts.stored import LISTS
from marketflow.sources.definition import FoundSources, Source, find_sources, load_source, load_sources
from marketflow.sources.load import take_in
from marketflow.sources.manifest import LoadSummary, last_window
from marketflow.sources.places.collector import forget_drained
from marketflow.sources.places.quarantine import Selection
from marketflow.sources.replay import ReplaySummary, read_repairs, replay_quarantine
from marketflow.sources.retention import forget_raw

__all__ = [
    "CONTRACTS",
    "EARLIEST",
    "LISTS",
    "Column",
    "Contract",
    "FoundSources",
    "LoadSummary",
    "ReplaySummary",
    "Rule",
    "Selection",
    "Source",
    "contract_of",
    "find_sources",
    "forget_drained",
    "forget_raw",
    "last_window",
    "latest_instant",
    "load_source",
    "load_sources",
    "read_repairs",
    "replay_quarantine",
    "take_in",
]
