"""# Broken campaigns

No DAG: campaigns that cannot be read show up as an import error of this file, under the bell of Airflow's start page,
and the other campaigns go on.
"""

from marketflow.campaigns import find_campaigns
from marketflow.shared import DefinitionError

if broken := find_campaigns().errors:
    raise DefinitionError("\n".join(broken))
