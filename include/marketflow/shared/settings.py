"""The one typed settings object, read from environment variables `MARKETFLOW_*` (and nothing else)."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from marketflow.shared.clock import Clock
from marketflow.shared.shop import Shop

PROJECT = Path(__file__).resolve().parents[3]


class Settings(BaseSettings):
    """What an installation may set. Secrets are held as SecretStr, so that no log or repr shows them."""

    model_config = SettingsConfigDict(env_prefix="MARKETFLOW_", frozen=True)

    # where things are
    root: Path = Field(PROJECT, description="the project's folder: holds sql/, include/ and dags/")
    home: Path = Field(PROJECT / "var", description="state of this installation; holds landing/, quality/, logs")
    sources: Path = Field(PROJECT / "include/sources", description="the source files")
    campaigns: Path | None = Field(None, description="the campaigns' folder; not set: include/campaigns in the root")
    journeys: Path | None = Field(None, description="the journeys' folder; not set: include/journeys in the root")
    recommendations: Path = Field(PROJECT / "include/recommendations.yaml", description="what is never proposed")
    contact_policy: Path = Field(
        PROJECT / "include/contact_policy.yaml", description="how often, at what hours and whom never to write to"
    )
    delivery: Path = Field(PROJECT / "include/delivery.yaml", description="how fast channels send, when they stop")
    landing: Path = Field(PROJECT / "var/landing", description="landing files, one folder per source")

    # the shop
    brand: str = "Marketflow Demo Shop"
    time_zone: str = "UTC"
    country: str = "US"
    locale: str = "en-US"
    currency: str = Field("USD", pattern="^[A-Z]{3}$")

    # time (DESIGN section 5): the demo stands at the end of its data
    clock_offset_seconds: float = 0.0
    business_date: dt.date | None = None

    # how long rows stay in raw after they have reached core
    model_runs_days: int = Field(90, ge=1, description="rows of model runs that are not published are kept as long")
    raw_retention_days: int | None = Field(None, ge=1, description="not set: for ever; core outlives raw in any case")

    # secrets: orchestration takes them from Airflow connections, the edge service and the terminal from here
    warehouse_dsn: SecretStr | None = None
    keys: SecretStr | None = Field(None, description="JSON of the key ring, see marketflow.privacy")

    # mail and the service that faces the internet
    sender: str = "Marketflow Demo Shop <shop@example.com>"
    mail_domain: str = Field(
        "example.com",
        pattern="^[A-Za-z0-9._-]+$",
        description="of Message-IDs; an international domain as DNS has it (xn--...)",
    )
    bounce_address: str | None = Field(
        None, description="where bounces go: bounces@example.com; each message adds `+` and a token; not set: sender"
    )
    edge_url: str = Field(
        "http://127.0.0.1:8091",
        pattern="^https?://[!-~]+$",
        description="where the edge service is reached from outside; an international domain as DNS has it (xn--...)",
    )
    edge_host: str = "127.0.0.1"
    edge_port: int = 8091
    edge_request_seconds: float = Field(
        20.0, gt=0, description="time that a client has to send a request, from its first byte to its last"
    )

    # the collector of behaviour, a part of the edge service
    collector_log: Path = Field(
        PROJECT / "var/collected", description="folder of the event log: the edge service writes it, ingest drains it"
    )
    write_keys: SecretStr | None = Field(
        None, description="who may send events: `web:public=KEY, server=KEY` or JSON; without it nobody may"
    )
    collector_rate: int = Field(
        2_000, ge=0, description="events a second that one key may send in the long run, ten seconds' worth at once"
    )
    collector_segment_mib: int = Field(64, ge=1, le=1_024, description="size at which a piece of the log is closed")
    collector_segment_seconds: float = Field(15.0, gt=0, description="age at which it is, so that it can be loaded")
    collector_reserve_mib: int = Field(
        256, ge=0, description="room on the disk that the log leaves free: below it events are refused with 503"
    )

    # opens and clicks
    track_opens: bool = Field(True, description="mails carry a picture that tells when they are opened")
    track_clicks: bool = Field(True, description="links in mails lead by way of the edge service")
    link_days: int = Field(400, ge=1, le=3_650, description="days after which links in mails lead nowhere any more")
    utm_source: str = Field(
        "newsletter",
        pattern=r"^[\w.~-]{1,40}$",
        description="what a click's address tells the shop's own analytics, beside utm_medium and utm_campaign; none: "
        "nothing",
    )
    click_id: bool = Field(True, description="a click's address says mf_click=..., which ties page views to it")
    edge_proxies: str = Field(
        "none",
        description="networks of reverse proxies before the edge service, such as 10.0.0.0/8: their X-Forwarded-For is "
        "believed; without it, readers behind a proxy have no network",
    )
    journal_seconds: float = Field(
        2.0, gt=0, description="age at which a piece of the edge service's journals is closed"
    )

    # what providers report of messages, by webhook
    ses_topics: str = Field(
        "none", description="topics of Amazon SNS that may report to /hooks/ses, with commas between; none: no hook"
    )
    sendgrid_public_key: str = Field(
        "none", description="verification key of SendGrid's signed event webhook, for /hooks/sendgrid; none: no hook"
    )

    # delivery
    delivery_batch: int = Field(200, ge=1, le=10_000, description="messages claimed at a time")
    delivery_window: int = Field(
        32, ge=1, le=1_000, description="messages marked `sending` at a time: at most these become unknown in a crash"
    )
    delivery_senders: int = Field(
        1, ge=1, le=64, description="tasks that send mails side by side, each with a connection of its own"
    )
    delivery_lease_seconds: int = Field(120, ge=5)
    smtp_timeout_seconds: float = Field(20.0, gt=0)

    # who may see and start campaigns, where Airflow's auth manager knows roles (FAB)
    marketer_role: str | None = Field(None, description="the role's name; it must exist in Airflow")

    # quality
    quarantine_limit: float = Field(
        0.05, ge=0, le=1, description="share of bad rows above which a batch stops before core"
    )

    @property
    def campaigns_folder(self) -> Path:
        """Where the campaigns are."""
        return self.campaigns or self.root / "include" / "campaigns"

    @property
    def own_bounce_address(self) -> str | None:
        """Where bounces go to, each message's own form of it; None: to the sender. Compose has no word for nothing."""
        return None if self.bounce_address in ("", "none") else self.bounce_address

    @property
    def has_sendgrid(self) -> bool:
        """Does SendGrid report what becomes of mails? Then it is the one who sends them, too."""
        return self.sendgrid_public_key not in ("", "none")

    def journal(self, name: str) -> Path:
        """The folder of a journal of the edge service, such as `tracked`: below the collector's, in the same volume."""
        return self.collector_log / name

    @property
    def tracked(self) -> Path:
        """The journal of opens and clicks: the edge service writes it, take_tracking takes it."""
        return self.journal("tracked")

    @property
    def answers(self) -> Path:
        """The journal of what people answered while the warehouse was away: who sends takes it first."""
        return self.journal("answers")

    @property
    def reports(self) -> Path:
        """The journal of what providers report: the edge service writes it, take_reports takes it."""
        return self.journal("reports")

    @property
    def journeys_folder(self) -> Path:
        """Where the journeys are."""
        return self.journeys or self.root / "include" / "journeys"

    def shop(self) -> Shop:
        """What the shop is where a record does not say otherwise."""
        return Shop(time_zone=self.time_zone, country=self.country, locale=self.locale, currency=self.currency)

    def clock(self) -> Clock:
        """The clock of this installation."""
        return Clock(
            time_zone=ZoneInfo(self.time_zone),
            offset=dt.timedelta(seconds=self.clock_offset_seconds),
            pinned_day=self.business_date,
        )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
