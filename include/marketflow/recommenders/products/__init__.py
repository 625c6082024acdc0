"""Products for a customer: what she buys again, and what she may like that is new to her; products like a product."""

from marketflow.recommenders.products.related import relate_products
from marketflow.recommenders.products.run import recommend_products

__all__ = ["recommend_products", "relate_products"]
