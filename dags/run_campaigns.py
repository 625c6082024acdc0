"""# Campaigns

One Airflow DAG for each folder of `include/campaigns/`. A campaign's own page shows its runbook.
"""

from marketflow.campaigns import load_campaigns
from marketflow.orchestration.campaign import define_campaign
from marketflow.shared import settings

for campaign in load_campaigns(settings().root / "include" / "campaigns"):
    globals()[campaign.name] = define_campaign(campaign)
