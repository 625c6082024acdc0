"""Print the JSON Schema of campaign.yaml: `python -m marketflow.campaigns.definition > include/campaigns/...`."""

from __future__ import annotations

import sys

from marketflow.campaigns.definition.model import schema_text

sys.stdout.write(schema_text())
