"""Definition: `include/campaigns/<name>/`, one YAML file and its templates, checked before anything else happens.

Reads:  the folder of campaigns (files only: this runs each time a DAG file is parsed).
Writes: nothing; `python -m marketflow.campaigns.definition` prints the JSON Schema for editors.
Never:  opens the database, parses a rule or a template (planning does).
"""

from marketflow.campaigns.definition.contact_policy import ContactPolicy, load_contact_policy
from marketflow.campaigns.definition.load import load_campaign, load_campaigns
from marketflow.campaigns.definition.model import Campaign, CampaignFile, Templates, campaign_schema

__all__ = [
    "Campaign",
    "CampaignFile",
    "ContactPolicy",
    "Templates",
    "campaign_schema",
    "load_campaign",
    "load_campaigns",
    "load_contact_policy",
]
