"""# Journeys

One Airflow DAG for each folder of `include/journeys/`. A journey's own page shows its runbook.
"""

from marketflow.campaigns.journeys import find_journeys
from marketflow.orchestration.journey import define_journey

for journey in find_journeys().good:
    globals()[journey.name] = define_journey(journey)
