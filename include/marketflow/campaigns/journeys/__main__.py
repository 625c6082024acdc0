"""Print the JSON Schema of journey.yaml: `python -m marketflow.campaigns.journeys > include/journeys/...`."""

from __future__ import annotations

import sys

from marketflow.campaigns.journeys.model import schema_text

sys.stdout.write(schema_text())
