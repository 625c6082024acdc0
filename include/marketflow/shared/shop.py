"""What the shop is, for records that say nothing of their own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Time zone (tz database), country (ISO 3166), locale (BCP 47) and currency (ISO 4217) of the shop.

    Amounts in other currencies are converted to `currency` by core.exchange_rates.
    """

    time_zone: str
    country: str
    locale: str
    currency: str
