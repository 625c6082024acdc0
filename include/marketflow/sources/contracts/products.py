"""Products: the catalogue; a product that comes again replaces what was known of it."""

from marketflow.sources.contracts.model import Column, Contract, currency, deleted, identifier, money, updated_at

PRODUCTS = Contract(
    record="products",
    version="3",
    table="raw.products",
    description="Products of the catalogue",
    key=("product_id",),
    columns=(
        Column(name="product_id", target="product_ref", required=True, max_length=64, unique="warn",
               description="The shop's product number"),
        Column(name="product_name", target="product_name", max_length=500,
               description="What people call it; absent: made of category and type"),
        identifier("manufacturer_id", "manufacturer_ref", "Who makes it", required=False),
        Column(name="brand", target="brand", description="National or Private, or a brand's name"),
        Column(name="department", target="department", description="Top level of the assortment"),
        Column(name="category", target="category", description="Second level; may be unknown"),
        Column(name="product_type", target="product_type", description="Third level; may be unknown"),
        Column(name="package_size", target="package_size", description="As printed, such as 22 LB; may be unknown"),
        money("list_price", "Price of one, without discounts", minimum="0", required=False),
        currency("Currency of the price"),
        Column(name="product_url", target="product_url", max_length=2_000, pattern=r"https?://[^\s]+",
               pattern_says="an address that begins with http:// or https://", description="Its page in the shop"),
        Column(name="image_url", target="image_url", max_length=2_000, pattern=r"https?://[^\s]+",
               pattern_says="an address that begins with http:// or https://", description="Its picture"),
        Column(name="availability", target="availability", any_spelling=True,
               allowed=("in_stock", "out_of_stock", "preorder", "backorder", "available_for_order", "discontinued"),
               description="Can it be had? As product feeds say it; what is out of stock or discontinued is not "
               "proposed to customers. Absent: not known, and may be proposed"),
        updated_at(),
        deleted(),
    ),
)  # fmt: skip
