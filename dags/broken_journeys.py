"""# Broken journeys

No DAG: journeys that cannot be read show up as an import error of this file, under the bell of Airflow's start page,
and the other journeys go on.
"""

from marketflow.campaigns.journeys import find_journeys
from marketflow.shared import DefinitionError

if broken := find_journeys().errors:
    raise DefinitionError("\n".join(broken))
