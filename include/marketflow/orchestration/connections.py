"""Where the work runs: the warehouse, the keys and the mail server, each an Airflow connection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import psycopg
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from marketflow.privacy import KeyRing
from marketflow.shared import ConfigurationError
from marketflow.warehouse import use_role
from marketflow.warehouse.connect import Role

if TYPE_CHECKING:
    from marketflow.campaigns.delivery import DkimSigner, MastodonTarget, SmtpTarget, WebhookTarget
    from marketflow.campaigns.reports import MailboxTarget

WAREHOUSE, KEYS, MAIL, DKIM, BOUNCES = "warehouse", "marketflow_keys", "mail", "dkim", "bounces"


@contextmanager
def warehouse(role: Role = "owner") -> Iterator[psycopg.Connection]:
    """A connection in UTC with the rights of `role` only; committed and closed at the end, rolled back on an error."""
    conn = PostgresHook(WAREHOUSE).get_conn()
    if not isinstance(conn, psycopg.Connection):
        raise ConfigurationError("the Airflow connection `warehouse` must be served by psycopg 3")
    with conn:
        use_role(conn, role)
        conn.commit()  # so that a later rollback does not bring the login's rights and zone back
        yield conn


def warehouse_url() -> str:
    """SQLAlchemy URL of the warehouse, with the driver named: for Great Expectations."""
    url = PostgresHook(WAREHOUSE).sqlalchemy_url.set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)


def key_ring() -> KeyRing:
    """The keys, from the password of the connection `marketflow_keys` (JSON, see `marketflow keys`)."""
    secret = Connection.get(KEYS).password
    if not secret:
        raise ConfigurationError(
            "the Airflow connection `marketflow_keys` has no password; `marketflow keys` prints one"
        )
    for key in re.findall(r"[A-Za-z0-9+/=]{40,}", secret):
        mask_secret(key)  # Airflow masks the ring as a whole; a single key must not show in a log either
    return KeyRing.from_json(secret)


def smtp_target() -> SmtpTarget:
    """The mail server of the connection `mail`, read as Airflow's SmtpHook reads it."""
    from marketflow.campaigns.delivery import SmtpTarget

    hook = SmtpHook(smtp_conn_id=MAIL)
    hook.smtp_connection = hook.get_connection(MAIL)
    security: Literal["plain", "starttls", "tls"] = "plain"
    if hook.use_ssl:
        security = "tls"
    elif hook.smtp_starttls:
        security = "starttls"
    return SmtpTarget(
        host=hook.host,
        port=hook.port,
        username=hook.smtp_user or None,
        password=hook.smtp_password or None,
        security=security,
    )


def dkim_signer() -> DkimSigner | None:
    """Signs mails with the private key (PEM) in the password of the connection `dkim`; None where there is none.

    Its extras say `domain` and `selector`. Raises ConfigurationError for a key that cannot sign.
    """
    from marketflow.campaigns.delivery import DkimSigner

    try:
        connection = Connection.get(DKIM)
    except AirflowNotFoundException:
        return None
    pem, extra = connection.password or "", connection.extra_dejson
    for line in re.findall(r"[A-Za-z0-9+/=]{16,}", pem):
        mask_secret(line)  # Airflow masks the key as a whole; a line of it must not show in a log either
    return DkimSigner.from_pem(pem, domain=str(extra.get("domain", "")), selector=str(extra.get("selector", "")))


def mailbox_target() -> MailboxTarget | None:
    """The mailbox of the connection `bounces`, whose extras are those of Airflow's ImapHook and ours; None without one.

    `use_ssl` (true), or `starttls`; `folder` (INBOX), `counted_folder`, `unclear_folder`, `keep_days` (30; 0: always).
    Raises ConfigurationError for extras that are none.
    """
    from marketflow.campaigns.reports import MailboxTarget

    try:
        connection = Connection.get(BOUNCES)
    except AirflowNotFoundException:
        return None
    extra = connection.extra_dejson
    names = ("folder", "counted_folder", "unclear_folder")
    folders = {name: extra[name] for name in names if name in extra}
    keep_days = extra.get("keep_days", 30)
    is_odd = not isinstance(keep_days, int) or not 0 <= keep_days <= 3_650
    if is_odd or not all(isinstance(f, str) and f.strip() and f.isprintable() for f in folders.values()):
        raise ConfigurationError(
            "the extras of the Airflow connection `bounces` are wrong: keep_days is a number of days, the folders are"
            " names"
        )
    security: Literal["plain", "starttls", "tls"] = "tls" if extra.get("use_ssl", True) else "plain"
    return MailboxTarget(
        name=BOUNCES, host=connection.host or "", port=connection.port, username=connection.login or "",
        password=connection.password or "", security="starttls" if extra.get("starttls") else security,
        keep_days=keep_days, **folders,
    )  # fmt: skip


def account_target(account: str) -> WebhookTarget | MastodonTarget:
    """Where the posts of an account go: the Airflow connection of that name, of type `http` or `mastodon`.

    The token of an account is the connection's password; a webhook sends it as a bearer token. Its extras may say
    `path`, and `keeps_keys`: that the receiver does nothing twice for one Idempotency-Key.
    """
    from marketflow.campaigns.delivery import MastodonTarget, WebhookTarget

    connection = Connection.get(account)
    host = connection.host or ""
    base = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    base += f":{connection.port}" if connection.port else ""
    if connection.conn_type == "mastodon":
        return MastodonTarget(base_url=base, token=connection.password or "")
    path = connection.extra_dejson.get("path", "/")
    headers = {"Authorization": f"Bearer {connection.password}"} if connection.password else {}
    keeps_keys = bool(connection.extra_dejson.get("keeps_keys", False))
    return WebhookTarget(url=f"{base}{path}", headers=headers, keeps_keys=keeps_keys)
