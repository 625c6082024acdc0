"""# Campaigns

One Airflow DAG for each folder of `include/campaigns/`. A campaign's own page shows its runbook.
"""

from marketflow.campaigns import find_campaigns
from marketflow.orchestration.campaign import define_campaign

for campaign in find_campaigns().good:
    globals()[campaign.name] = define_campaign(campaign)
