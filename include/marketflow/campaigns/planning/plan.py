"""`plan_campaign`: set-based statements in one transaction, one planner per campaign and occasion at a time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from marketflow.campaigns.audience import AudienceRefused, Events, find_events, select_audience, tables_read
from marketflow.campaigns.content import TemplateRefused
from marketflow.campaigns.definition import Campaign, ContactPolicy
from marketflow.campaigns.experiments import Assigned, ExperimentChanged, assign, same_content, subjects_differ
from marketflow.campaigns.planning.limits import apply_limits, expiry, has_limits, out_of_time, smaller
from marketflow.campaigns.planning.samples import check_arms, render_arms
from marketflow.campaigns.planning.summary import PlanSummary
from marketflow.campaigns.planning.trial import Trial, write_trial
from marketflow.campaigns.policy import judge
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, DefinitionError, settings
from marketflow.warehouse import queries

_MAX_OCCASION = 80


class _Refused(Exception):
    """The plan as a whole cannot be: `code` is counted, the message is for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class _Occasion:
    """What a plan is about: the ledger's word for it, its day, and for best sellers the week's last day."""

    name: str
    day: dt.date
    week: dt.date | None


def plan_campaign(
    conn: psycopg.Connection,
    campaign: Campaign,
    *,
    business_date: dt.date,
    occasion: str | None = None,
    dry_run: bool,
    audience_limit: int | None = None,
    subject: str | None = None,
    approval: bool | None = None,
    policy: ContactPolicy | None = None,
    trial: Trial | None = None,
    keys: KeyRing,
    clock: Clock,
) -> PlanSummary:
    """Decide who gets the campaign and who not, store it as a plan, and (unless `dry_run`) write the ledger's rows.

    `occasion` defaults to the business day (for a weekly campaign: to the last day of the last complete week); one
    occasion reaches a contact point at most once, however often it is planned. Where events start the campaign, each is
    the occasion of its customer, and all that no plan has dealt with are taken; with another day than the clock's, or
    an `occasion`, those of that day once more. `audience_limit` is for the whole occasion;
    where each event is its own for the run, and who is beyond it comes with the next.
    `subject` and `approval` override the definition. `policy` is what holds for all campaigns together; the plan keeps
    it. `trial`: test messages to a few addresses, beside a dry run.
    Before the campaign's start a dry run plans, with a warning.
    A plan whose data are stale, whose day is too old or whose rule or template is wrong comes back in state `refused`
    with a reason, and has no rows in the ledger.
    Raises DefinitionError for an occasion that cannot be a name, and a subject where an experiment compares subjects.
    """
    if occasion is not None and not (0 < len(occasion) <= _MAX_OCCASION and occasion.isprintable()):
        raise DefinitionError(f"occasion: must be 1 to {_MAX_OCCASION} printable characters")
    if subject and subjects_differ(campaign):
        raise DefinitionError("subject: the experiment compares subjects; one for all would take that away")
    policy = policy or ContactPolicy()
    frozen = {
        "campaign": campaign.definition,
        "templates": campaign.templates.model_dump(),
        "subject_override": subject or None,
        "approval": campaign.approval if approval is None else approval,
        "contact_policy": {"version": policy.version, **policy.definition},
        **campaign.frozen_arms,
    }
    with conn.transaction():
        about = _occasion(conn, campaign, occasion, business_date)
        is_dry = dry_run or trial is not None
        planner = _Planner(conn, campaign, about, frozen, policy=policy, dry_run=is_dry, keys=keys, clock=clock)
        planner.trial = trial
        planner.has_own_occasion = occasion is not None
        return planner.run(audience_limit)


def _occasion(conn: psycopg.Connection, campaign: Campaign, name: str | None, business_date: dt.date) -> _Occasion:
    recommend = campaign.content.recommend
    week = None
    if campaign.trigger.on == "weekly" or (recommend and recommend.list == "bestsellers"):
        row = conn.execute(queries("campaigns")["best_sellers_week"], {"business_date": business_date}).fetchone()
        week = row[0] if row else None
    day = week if week and campaign.trigger.on == "weekly" else business_date
    return _Occasion(name=name or day.isoformat(), day=day, week=week)


class _Planner:
    def __init__(
        self,
        conn: psycopg.Connection,
        campaign: Campaign,
        about: _Occasion,
        frozen: dict[str, Any],
        *,
        policy: ContactPolicy,
        dry_run: bool,
        keys: KeyRing,
        clock: Clock,
    ) -> None:
        self.conn, self.campaign, self.about, self.frozen = conn, campaign, about, frozen
        self.dry_run, self.keys, self.clock, self.now = dry_run, keys, clock, clock.now()
        self.warnings: list[str] = []
        self.has_own_occasion = False
        self.events: Events | None = None
        self.trial: Trial | None = None
        self.assigned: Assigned | None = None
        recommend, zone = campaign.content.recommend, clock.time_zone.key
        self.params: dict[str, Any] = {
            "campaign": campaign.name, "occasion": about.name, "channel": campaign.channel, "purpose": campaign.purpose,
            "step": 0, "released_at": None,
            "version": campaign.definition_version, "definition": Jsonb(frozen), "dry_run": dry_run, "now": self.now,
            "business_date": about.day, "occasion_on": about.day, "week": about.week, "priority": campaign.priority,
            "expires_at": expiry(campaign, clock, self.now), "mail_domain": settings().mail_domain,
            "list": recommend.list if recommend else None, "most": recommend.limit if recommend else 0,
            "product_ids": [], "oldest_on": clock.business_date() - dt.timedelta(days=campaign.max_age_days),
            **policy.parameters(campaign.channel, campaign.purpose), "time_zone": zone, "topic": campaign.topic,
        }  # fmt: skip

    def run(self, audience_limit: int | None) -> PlanSummary:
        self._execute("lock_occasion")
        if self.campaign.event or has_limits(self.campaign):
            self.conn.execute(queries("campaign_events")["lock_campaign"], self.params)
        self._execute("memory")
        self.params["plan_id"] = self._one("plan_insert")
        audience = 0
        try:
            audience = self._select()
            self._check_day()
            self._check_freshness()
            refusals = self._judge(audience_limit)
            planned = refusals.pop("planned", 0)
            samples = self._fill()
            test_plan_id = self._write_trial()
        except _Refused as error:
            return self._refuse(error, audience)
        except AudienceRefused as error:
            return self._refuse(_Refused("audience_rule_wrong", f"audience.where: {error}"), audience)
        except ExperimentChanged as error:
            return self._refuse(_Refused("experiment_changed", str(error)), audience)
        except TemplateRefused as error:
            return self._refuse(_Refused("template_wrong", str(error)), audience)
        if not self.dry_run:
            planned = self._execute("sends_insert").rowcount
            if self.events:
                self.events.take(self.conn, self.params["plan_id"])
        return self._finish(
            "planned", audience=audience, planned=planned, refusals=refusals, samples=samples, test_plan_id=test_plan_id
        )

    def _write_trial(self) -> int | None:
        if self.trial is None:
            return None
        return write_trial(self.conn, self.params, self.frozen, self.trial, keys=self.keys)

    def _select(self) -> int:
        if self.campaign.event:
            self.events = find_events(
                self.conn, self.campaign, business_date=self.about.day, own_occasion=self.has_own_occasion,
                keys=self.keys, clock=self.clock,
            )  # fmt: skip
        return select_audience(
            self.conn, self.campaign, occasion_on=self.about.day, dry_run=self.dry_run, keys=self.keys, now=self.now,
            time_zone=self.clock.time_zone, events=self.events,
        )  # fmt: skip

    def _judge(self, audience_limit: int | None) -> dict[str, int]:
        limit = smaller(audience_limit, self.campaign.limits.audience)
        per_run = self.events is not None and not self.has_own_occasion
        found = judge(self.conn, self.params, limit, per_run=per_run)
        if has_limits(self.campaign):
            found = apply_limits(self.conn, self.campaign, self.params, self.clock)
        self.assigned = assign(self.conn, self.campaign, self.params)  # last: of those who would get it
        if self.assigned and self.assigned.warning:
            self.warnings.append(self.assigned.warning)
        if self.assigned and (held := self.assigned.people.get("holdout", 0)):
            found = {**found, "planned": found.get("planned", 0) - held, "experiment_holdout": held}
        return found

    def _check_day(self) -> None:
        if wrong := out_of_time(self.campaign, self.clock):
            code, reason = wrong
            if code != "not_started" or not self.dry_run:
                raise _Refused(code, reason)
            self.warnings.append(f"not yet: {reason}")  # to look at it before it starts is what a dry run is for
        age = (self.clock.business_date() - self.about.day).days
        if age > self.campaign.max_age_days:
            raise _Refused(
                "occasion_too_old",
                f"{self.about.day} is {age} days before the business day {self.clock.business_date()}; "
                f"{self.campaign.name} allows {self.campaign.max_age_days} (max_age_days)",
            )
        if self.campaign.trigger.on == "weekly" and self.about.week is None:
            raise _Refused("stale_data", f"marts.top_products has no complete week until {self.about.day}")

    def _check_freshness(self) -> None:
        asked = tables_read(self.campaign.audience.where) if self.campaign.audience.where else ()
        tables = tuple(dict.fromkeys([*self.campaign.required_tables, *asked]))
        known: dict[str, dt.date | None] = dict(
            self.conn.execute(queries("warehouse")["freshness_read"], {"tables": list(tables)}).fetchall()
        )
        days = {table: known.get(table) for table in tables}
        stale = [
            f"{table} knows what happened until {day or 'no day at all'}"
            for table, day in days.items()
            if day is None or day < self.about.day
        ]
        if stale:
            raise _Refused("stale_data", f"{'; '.join(stale)}; the plan is about {self.about.day}")

    def _fill(self) -> list[dict[str, str]]:
        """The products of each message, and what three of the messages look like."""
        self._execute("make_content")
        if self.campaign.audience.accounts is not None and self.params["list"] is not None:
            self.params["product_ids"] = [int(i) for (i,) in self._execute("content_of_week").fetchall()]
        elif self.params["list"] is not None:
            self._execute("content_for_customers")
        self.warnings += [*same_content(self.campaign), *check_arms(self.frozen, self.about.day)]
        return render_arms(self.conn, self.frozen, self.params, self.keys)

    def _refuse(self, error: _Refused, audience: int) -> PlanSummary:
        self._execute("members_delete")
        if self.events and not self.dry_run and error.code not in ("not_started", "ended"):
            self.events.begin(self.conn, self.params["plan_id"])
        return self._finish("refused", audience=audience, refusals={error.code: audience}, reason=str(error))

    def _finish(self, state: Any, *, reason: str | None = None, planned: int = 0, **found: Any) -> PlanSummary:
        found.setdefault("samples", [])
        values = {"state": state, "reason": reason, "planned": planned, "audience": found["audience"]}
        self._execute("plan_finish", **values, refusals=Jsonb(found["refusals"]), samples=Jsonb(found["samples"]))
        self._execute("drop_audience")
        return PlanSummary(
            plan_id=self.params["plan_id"], campaign=self.campaign.name, occasion=self.about.name, dry_run=self.dry_run,
            planned=planned, state=state, reason=reason, warnings=self.warnings,
            variants=self.assigned.people if self.assigned else {},
            winner=self.assigned.winner if self.assigned else None, **found,
        )  # fmt: skip

    def _execute(self, statement: str, **more: Any) -> psycopg.Cursor[Any]:
        return self.conn.execute(queries("campaigns")[statement], {**self.params, **more})

    def _one(self, statement: str) -> int:
        row = self._execute(statement).fetchone()
        assert row is not None  # INSERT ... RETURNING
        return int(row[0])
