"""Customers: one row per customer; one that comes again replaces what was known. Names and address are personal."""

from marketflow.privacy import EMAIL, FAMILY_NAME, GIVEN_NAME
from marketflow.sources.contracts.model import Column, Contract

CUSTOMERS = Contract(
    record="customers",
    table="raw.customers",
    description="Customers with contact, consent and demographics",
    columns=(
        Column(name="customer_id", target="customer_ref", required=True, max_length=64, unique="warn",
               description="The shop's customer number"),
        Column(name="given_name", target="given_name", personal=GIVEN_NAME, max_length=200,
               description="Given name; encrypted before it reaches a table"),
        Column(name="family_name", target="family_name", personal=FAMILY_NAME, max_length=200,
               description="Family name; encrypted before it reaches a table"),
        Column(name="email", target="email", personal=EMAIL, max_length=1_000,
               description="Mail address; a bad one is dropped with a code in email_refusal, the record stays"),
        Column(name="locale", target="locale", default="en-US", max_length=20,
               pattern="[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", pattern_says="a language tag such as en-US (BCP 47)",
               description="Language and region; empty means en-US"),
        Column(name="time_zone", target="time_zone", kind="zone", default="UTC", max_length=64,
               description="Name in the tz database; empty means UTC"),
        Column(name="country", target="country", default="US", pattern="[A-Z]{2}", max_length=2,
               pattern_says="two capital letters (ISO 3166)", description="Country; empty means US"),
        Column(name="email_consent", target="email_consent", kind="flag",
               description="May we send marketing mail? Empty: was never asked"),
        Column(name="consent_at", target="consent_at", kind="instant", required_with="email_consent",
               description="When the customer said so, ISO 8601 with offset"),
        Column(name="consent_text", target="consent_text", max_length=2_000,
               description="The words that the customer agreed to"),
        Column(name="age_band", target="age_band", description="Age in years, such as 45-54"),
        Column(name="income_band", target="income_band", description="Household income a year, such as 50-74K"),
        Column(name="home_ownership", target="home_ownership", description="Homeowner, Renter, ..."),
        Column(name="marital_status", target="marital_status", description="Married or Unmarried"),
        Column(name="household_size", target="household_size", description="Persons, the largest class open: 5+"),
        Column(name="household_composition", target="household_composition", description="Such as 2 Adults Kids"),
        Column(name="kids_count", target="kids_count", description="Children, the largest class open: 3+"),
        Column(name="is_simulated", target="is_simulated", kind="flag", default="false",
               description="True when the contact data were made up for a demo; empty means false"),
    ),
)  # fmt: skip
