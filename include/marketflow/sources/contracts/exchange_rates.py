"""Exchange rates, by which amounts in other currencies are converted to the shop's own."""

from decimal import Decimal

from marketflow.sources.contracts.model import Column, Contract, currency, updated_at

EXCHANGE_RATES = Contract(
    record="exchange_rates",
    version="1",
    table="raw.exchange_rates",
    description="What one unit of a currency is worth in another, from a day on until the next rate",
    key=("base_currency", "currency", "rate_on"),
    columns=(
        currency("The currency that is converted", required=True),
        currency("The currency that it is converted to: the shop's own", name="base_currency", required=True),
        Column(name="rate_on", target="rate_on", kind="day", required=True, description="The first day it holds"),
        Column(name="rate", target="rate", kind="number", required=True, decimals=10, minimum=Decimal("0.0000000001"),
               maximum=Decimal(99_999_999), description="Units of base_currency for one unit of currency"),
        updated_at(),
    ),
)  # fmt: skip
