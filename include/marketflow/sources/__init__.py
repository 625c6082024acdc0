"""Sources: files of a shop's export on their way into raw; the contracts of the records.

Reads:  landing folders; ops.landing_files, the manifest.
Writes: raw.* (personal fields encrypted), ops.loads, ops.landing_files, ops.quarantine.
Never:  judges a batch (that is `quality`), touches core, shows a value of a file in a log or an error.
"""

from marketflow.sources.contracts import CONTRACTS, EARLIEST, Column, Contract, Rule, contract_of, latest_instant
from marketflow.sources.definition import FoundSources, Source, find_sources, load_source, load_sources
from marketflow.sources.load import take_in
from marketflow.sources.manifest import LoadSummary, last_window

__all__ = [
    "CONTRACTS",
    "EARLIEST",
    "Column",
    "Contract",
    "FoundSources",
    "LoadSummary",
    "Rule",
    "Source",
    "contract_of",
    "find_sources",
    "last_window",
    "latest_instant",
    "load_source",
    "load_sources",
    "take_in",
]
