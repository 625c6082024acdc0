"""Mirrors the switches of campaign DAGs into the warehouse, where the sending statements read them.

Loaded by Airflow's API server, through which the UI and the REST API pause a DAG. The mirror follows within the
same request. `airflow dags pause` on a terminal does not pass here; the next switch in the UI or over REST does.
"""

import sys

from airflow.plugins_manager import AirflowPlugin


class CampaignSwitches(AirflowPlugin):
    """Adds the middleware; only where there is a server, since every task imports plugins too."""

    name = "campaign_switches"

    if sys.argv[1:2] in (["api-server"], ["plugins"]):
        from marketflow.orchestration.switches import SwitchMirror

        fastapi_root_middlewares = [{"middleware": SwitchMirror, "name": "campaign switches"}]
