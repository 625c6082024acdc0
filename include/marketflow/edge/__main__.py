"""`python -m marketflow.edge`: serve, with what MARKETFLOW_WAREHOUSE_DSN, MARKETFLOW_KEYS and MARKETFLOW_EDGE_* say."""

from __future__ import annotations

import uvicorn

from marketflow.edge.app import create_app
from marketflow.privacy import KeyRing
from marketflow.shared import ConfigurationError, settings


def main() -> None:
    """Run until stopped; raises ConfigurationError when a secret is missing."""
    found = settings()
    if found.warehouse_dsn is None or found.keys is None:
        raise ConfigurationError("the edge service needs MARKETFLOW_WAREHOUSE_DSN (role edge) and MARKETFLOW_KEYS")
    app = create_app(
        found.warehouse_dsn.get_secret_value(), KeyRing.from_json(found.keys.get_secret_value()), found.clock()
    )
    uvicorn.run(
        app, host=found.edge_host, port=found.edge_port, log_level="info",
        access_log=False,  # the path of a request is a secret of the mail's reader
        server_header=False, date_header=True, limit_concurrency=256, timeout_keep_alive=5, lifespan="off",
    )  # fmt: skip


if __name__ == "__main__":
    main()
