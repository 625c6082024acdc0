"""Places: where a source's files or rows are, and what there is of them."""
