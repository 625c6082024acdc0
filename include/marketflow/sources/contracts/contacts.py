"""Contacts: further addresses of customers, beside the one in the customer's own record."""

from marketflow.sources.contracts.model import Column, Contract, Rule, deleted, email, identifier, phone, updated_at

CONTACTS = Contract(
    record="contacts",
    version="1",
    table="raw.contacts",
    description="Addresses of customers, one per row: a mail address or a telephone number",
    key=("customer_id", "email", "phone"),
    columns=(
        identifier("customer_id", "customer_ref", "Whose it is"),
        email(),
        phone(),
        Column(name="label", target="label", description="Such as work or home"),
        updated_at(),
        deleted(),
    ),
    rules=(
        Rule(column="email", reason="neither email nor phone is given", broken="email IS NULL AND phone IS NULL"),
        Rule(column="email", reason="both email and phone are given: a row is for one of them",
             broken="email IS NOT NULL AND phone IS NOT NULL"),
    ),
)  # fmt: skip
