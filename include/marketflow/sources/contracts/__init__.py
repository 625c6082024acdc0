"""The contracts of all records, by name. `docs/contracts.md` is generated from them."""

from marketflow.shared import ConfigurationError
from marketflow.sources.contracts.behaviour import BEHAVIOUR
from marketflow.sources.contracts.campaigns import CAMPAIGNS
from marketflow.sources.contracts.consents import CONSENTS
from marketflow.sources.contracts.contacts import CONTACTS
from marketflow.sources.contracts.coupons import COUPONS
from marketflow.sources.contracts.customers import CUSTOMERS
from marketflow.sources.contracts.exchange_rates import EXCHANGE_RATES
from marketflow.sources.contracts.feedback import FEEDBACK
from marketflow.sources.contracts.interactions import INTERACTIONS
from marketflow.sources.contracts.model import EARLIEST, Column, Contract, Rule, latest_instant
from marketflow.sources.contracts.orders import ORDERS
from marketflow.sources.contracts.products import PRODUCTS

CONTRACTS = {
    c.record: c
    for c in (
        ORDERS,
        CUSTOMERS,
        CONTACTS,
        CONSENTS,
        PRODUCTS,
        BEHAVIOUR,
        INTERACTIONS,
        FEEDBACK,
        CAMPAIGNS,
        COUPONS,
        EXCHANGE_RATES,
    )
}

__all__ = ["CONTRACTS", "EARLIEST", "Column", "Contract", "Rule", "contract_of", "latest_instant"]


def contract_of(record: str) -> Contract:
    """The contract of a record type; raises ConfigurationError for an unknown one."""
    try:
        return CONTRACTS[record]
    except KeyError:
        raise ConfigurationError(f"there is no record {record!r}; there are: {', '.join(CONTRACTS)}") from None
