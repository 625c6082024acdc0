"""A real MariaDB server from Debian's package `mariadb-server`, on a free port, with a data folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from marketflow.embedded.osuser import hand_over, identity
from needed_programs import program

USER, PASSWORD, DATABASE = "shop", "test-only", "shop"
PACKAGE, PROGRAMS = "mariadb-server", ("mariadbd", "mariadb-install-db")


@contextmanager
def running(home: Path, port: int) -> Iterator[str]:
    """The server; yields an Airflow connection URI of a user who may do everything in the database `shop`."""
    home.mkdir()
    hand_over(home)
    data, socket = home / "data", home / "s"
    common = ["--no-defaults", f"--datadir={data}"]
    install = [program("mariadb-install-db"), *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", **identity())
    serve = [
        program("mariadbd"), *common, f"--socket={socket}", f"--port={port}", "--bind-address=127.0.0.1",
        f"--pid-file={home / 'pid'}", "--skip-name-resolve", "--innodb-buffer-pool-size=32M",
    ]  # fmt: skip
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(serve, stdout=log, stderr=log, cwd="/", **identity())
    try:
        with _connect(server, socket) as admin, admin.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
            cursor.execute(f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute(f"GRANT ALL ON {DATABASE}.* TO {USER}@'%'")
        yield f"mysql://{USER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}"
    finally:
        server.terminate()
        server.wait(30)


@retry(retry=retry_if_exception_type(pymysql.OperationalError), wait=wait_fixed(0.1), stop=stop_after_delay(60))
def _connect(server: subprocess.Popen[bytes], socket: Path) -> pymysql.Connection:
    assert server.poll() is None, "mariadbd ended"
    return pymysql.connect(unix_socket=str(socket), user="root", autocommit=True)
