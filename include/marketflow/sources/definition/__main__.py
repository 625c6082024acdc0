"""Print the JSON Schema of a source file, which stands in include/sources/source.schema.json."""

from __future__ import annotations

import sys

from marketflow.sources.definition.model import schema_text

sys.stdout.write(schema_text())
