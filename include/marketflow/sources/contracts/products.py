"""Products: the catalogue; a product that comes again replaces what was known of it."""

from marketflow.sources.contracts.model import Column, Contract, identifier

PRODUCTS = Contract(
    record="products",
    table="raw.products",
    description="Products of the catalogue",
    columns=(
        Column(name="product_id", target="product_ref", required=True, max_length=64, unique="warn",
               description="The shop's product number"),
        identifier("manufacturer_id", "manufacturer_ref", "Who makes it", required=False),
        Column(name="brand", target="brand", description="National or Private, or a brand's name"),
        Column(name="department", target="department", required=True, description="Top level of the assortment"),
        Column(name="category", target="category", description="Second level; may be unknown"),
        Column(name="product_type", target="product_type", description="Third level; may be unknown"),
        Column(name="package_size", target="package_size", description="As printed, such as 22 LB; may be unknown"),
    ),
)  # fmt: skip
