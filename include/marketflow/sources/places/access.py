"""How to reach a store or a database, from what an Airflow connection says. Airflow itself is not needed for it.

orchestration/places.py hands over Airflow's connections; in a terminal they come from AIRFLOW_CONN_<ID>, which holds
the same as a URI or as JSON. No message and no repr shows a login's secret.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from marketflow.shared import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

_CONNECT_SECONDS = 20
_DRIVERS = {"postgres": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_STORES = {"s3": ("aws", "s3"), "gs": ("google_cloud_platform", "gcs"), "abfs": ("wasb", "adls", "azure_data_lake")}
# What may be said about a database's connection beside its place: libpq's and PyMySQL's words for encryption.
_QUERY = {
    "postgres": ("sslmode", "sslrootcert", "sslcert", "sslkey"),
    "mysql": ("ssl_ca", "ssl_cert", "ssl_key", "unix_socket"),
}


@dataclass(frozen=True, kw_only=True)
class Access:
    """An Airflow connection: its id, its type, and what it says."""

    name: str
    kind: str
    host: str = ""
    port: int | None = None
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def said(self, *names: str) -> Any:
        """The first of these extras that is given; older versions of Airflow put the type before the name."""
        for name in names:
            for key in (name, f"extra__{self.kind}__{name}"):
                if self.extra.get(key) not in (None, ""):
                    return self.extra[key]
        return None


def from_environment(name: str) -> Access:
    """The connection of that id in AIRFLOW_CONN_<ID>; raises ConfigurationError."""
    variable = f"AIRFLOW_CONN_{name.upper()}"
    text = os.environ.get(variable, "").strip()
    if not text:
        raise ConfigurationError(f"the connection {name} is not known here: {variable} is not set")
    try:
        return _from_json(name, text) if text.startswith("{") else _from_uri(name, text)
    except (ValueError, AttributeError):
        raise ConfigurationError(f"{variable} is neither a URI nor JSON as Airflow writes a connection") from None


def _from_json(name: str, text: str) -> Access:
    found = json.loads(text)
    extra = found.get("extra") or {}
    return Access(
        name=name,
        kind=_kind(found["conn_type"]) if "conn_type" in found else "",
        port=int(found["port"]) if found.get("port") else None,
        extra=json.loads(extra) if isinstance(extra, str) else extra,
        **{key: found.get(key) or "" for key in ("host", "login", "password", "schema")},
    )


def _from_uri(name: str, text: str) -> Access:
    parts = urlsplit(text)
    extra = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = parts.netloc.rpartition("@")[2]
    host = host.rpartition(":")[0] if parts.port else host  # urlsplit's own makes it small letters
    return Access(
        name=name,
        kind=_kind(parts.scheme),
        host=unquote(host).strip("[]"),
        port=parts.port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path.removeprefix("/")),
        extra=json.loads(extra["__extra__"]) if "__extra__" in extra else extra,
    )


def _kind(word: str) -> str:
    kind = word.replace("-", "_")
    return {"postgresql": "postgres", "mariadb": "mysql"}.get(kind, kind)


def store_options(scheme: str, access: Access | None) -> dict[str, Any]:
    """Options of the fsspec filesystem for `scheme` (s3, gs, abfs, file); raises ConfigurationError.

    Without a connection the machine's own identity counts: environment, profile, metadata service.
    """
    if access is None or scheme == "file":
        return {}
    if access.kind not in _STORES[scheme]:
        raise ConfigurationError(
            f"the connection {access.name} is of type {access.kind or '?'}; {scheme}:// needs {_STORES[scheme][0]}"
        )
    made: Callable[[Access], dict[str, Any]] = {"s3": _aws, "gs": _google, "abfs": _azure}[scheme]
    return {name: value for name, value in made(access).items() if value not in (None, "", {})}


def _aws(access: Access) -> dict[str, Any]:
    if access.said("role_arn"):
        raise ConfigurationError(f"the connection {access.name} has role_arn, which is not supported: name its profile")
    host = access.host if "://" in access.host else None
    return {
        "key": access.login,
        "secret": access.password,
        "token": access.said("aws_session_token"),
        "profile": access.said("profile_name"),
        "endpoint_url": access.said("endpoint_url") or host,
        "client_kwargs": {"region_name": region} if (region := access.said("region_name")) else None,
        "anon": True if access.said("anon") else None,
    }


def _google(access: Access) -> dict[str, Any]:
    key = access.said("keyfile_dict")
    return {
        "token": json.loads(key) if isinstance(key, str) else key or access.said("key_path", "token"),
        "project": access.said("project", "project_id"),
        "endpoint_url": access.said("endpoint_url"),
    }


def _azure(access: Access) -> dict[str, Any]:
    host = access.host.partition("://")[2] or access.host
    tenant = access.said("tenant_id")
    account = access.said("account_name") or host.partition(".")[0] or (None if tenant else access.login)
    whose = (
        {"client_id": access.login, "client_secret": access.password} if tenant else {"account_key": access.password}
    )
    return {
        **whose,
        "account_name": account,
        "tenant_id": tenant,
        "connection_string": access.said("connection_string"),
        "sas_token": access.said("sas_token"),
    }


def database_url(access: Access) -> URL:
    """SQLAlchemy's URL of a database, with the driver named; raises ConfigurationError."""
    from sqlalchemy import URL

    if access.kind not in _DRIVERS:
        raise ConfigurationError(
            f"the connection {access.name} is of type {access.kind or '?'}; a sql source needs postgres or mysql"
        )
    query = {name: str(value) for name in _QUERY[access.kind] if (value := access.said(name))}
    return URL.create(
        _DRIVERS[access.kind],
        username=access.login or None,
        password=access.password or None,
        host=access.host or None,
        port=access.port,
        database=access.schema or None,
        query=query | ({"charset": "utf8mb4"} if access.kind == "mysql" else {}),
    )


def engine_of(access: Access) -> Engine:
    """An engine that opens a connection for each piece of work, and whose errors hold no values."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    arguments = {"connect_timeout": _CONNECT_SECONDS}
    return create_engine(database_url(access), poolclass=NullPool, hide_parameters=True, connect_args=arguments)
