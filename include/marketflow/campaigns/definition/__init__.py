"""Definition: `include/campaigns/<name>/`, one YAML file and its templates, checked before anything else happens.

Reads:  the folder of campaigns (files only: this runs each time a DAG file is parsed).
Writes: nothing; `python -m marketflow.campaigns.definition` prints the JSON Schema for editors.
Never:  opens the database, parses a rule or a template (planning does).
"""

from marketflow.campaigns.definition.checks import mart_tables, segment_names, topic_titles
from marketflow.campaigns.definition.contact_policy import ContactPolicy, load_contact_policy
from marketflow.campaigns.definition.load import FoundCampaigns, find_campaigns, load_campaign, load_campaigns
from marketflow.campaigns.definition.model import Campaign, CampaignFile, Templates, campaign_schema
from marketflow.campaigns.definition.write import WrittenCampaign, write_campaign

__all__ = [
    "Campaign",
    "CampaignFile",
    "ContactPolicy",
    "FoundCampaigns",
    "Templates",
    "WrittenCampaign",
    "campaign_schema",
    "find_campaigns",
    "load_campaign",
    "load_campaigns",
    "load_contact_policy",
    "mart_tables",
    "segment_names",
    "topic_titles",
    "write_campaign",
]
