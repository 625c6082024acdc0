"""Catalogue: the pages about the data that are made from what the project knows of itself.

Reads:  contracts of `sources`, sql/transforms, sql/schema.sql, sql/migrations (their comments).
Writes: docs/contracts.md and docs/catalogue.html.
Never:  opens the warehouse or reads a row; holds a fact that is written down elsewhere.
"""

from marketflow.catalogue.documents import documents, stale_documents, write_documents
from marketflow.catalogue.tables import Table, all_tables

__all__ = ["Table", "all_tables", "documents", "stale_documents", "write_documents"]
