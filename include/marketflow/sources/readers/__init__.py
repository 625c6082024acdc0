"""Readers: from the bytes of a file, or the rows of a query, to blocks of texts."""
