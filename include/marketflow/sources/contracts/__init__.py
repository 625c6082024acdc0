"""The contracts of all landing records, by the name of their landing folder."""

from marketflow.shared import ConfigurationError
from marketflow.sources.contracts.behaviour import BEHAVIOUR
from marketflow.sources.contracts.customers import CUSTOMERS
from marketflow.sources.contracts.model import EARLIEST, Column, Contract, latest_instant
from marketflow.sources.contracts.orders import ORDERS
from marketflow.sources.contracts.products import PRODUCTS

CONTRACTS = {c.record: c for c in (ORDERS, CUSTOMERS, PRODUCTS, BEHAVIOUR)}

__all__ = ["CONTRACTS", "EARLIEST", "Column", "Contract", "contract_of", "latest_instant"]


def contract_of(record: str) -> Contract:
    """The contract of a record type; raises ConfigurationError for an unknown one."""
    try:
        return CONTRACTS[record]
    except KeyError:
        raise ConfigurationError(f"there is no record {record!r}; there are: {', '.join(CONTRACTS)}") from None
