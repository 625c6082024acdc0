"""# Broken sources

No DAG: source files that cannot be read show up as an import error of this file, under the bell of Airflow's start
page, and the other sources go on.
"""

from marketflow.shared import DefinitionError
from marketflow.sources import find_sources

if broken := find_sources().errors:
    raise DefinitionError("\n".join(broken))
