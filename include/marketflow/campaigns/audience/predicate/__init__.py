"""The language of conditions: a marketer's text in, a fragment of SQL out that is made anew from an allow-list.

The statement that runs is composed of our own fragments, quoted identifiers and quoted literals; no piece of the text
that the marketer wrote gets into it. `parse` reads, `columns` and `events` compile, `arguments` reads what stands in
the brackets of did(...), `about` says which day and which names there are, `segments` looks for slips of the pen.
"""

from marketflow.campaigns.audience.predicate.about import About
from marketflow.campaigns.audience.predicate.columns import compile_predicate
from marketflow.campaigns.audience.predicate.parse import AudienceRefused
from marketflow.campaigns.audience.predicate.parts import columns_read, parts_of, says_everybody, tables_read

__all__ = [
    "About",
    "AudienceRefused",
    "columns_read",
    "compile_predicate",
    "parts_of",
    "says_everybody",
    "tables_read",
]
