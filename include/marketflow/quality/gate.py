"""`judge`: lets a load pass to core or refuses it, and says why in one sentence."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from marketflow.quality.batch import Batch, examine
from marketflow.quality.index import write_index
from marketflow.quality.outcome import Outcome
from marketflow.quality.results import store
from marketflow.quality.rows import judged_rows
from marketflow.quality.suite import expectations
from marketflow.quality.thresholds import Load, quarantined_share, read_load, refused_files, volume
from marketflow.shared import Clock, MarketflowError, settings
from marketflow.sources import Contract, contract_of, latest_instant
from marketflow.warehouse import queries

if TYPE_CHECKING:
    from marketflow.sources import Source

log = logging.getLogger(__name__)
_VOLUME = 0.5  # half of what usually comes, for loads whose source file is gone


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """May the load go to core?

    reason: why not; of a load that passed, what people should know of it, such as files that were refused.
    failed: names of what failed, warnings included; words: the same in sentences.
    """

    passed: bool
    reason: str | None
    failed: list[str]
    words: list[str] = field(default_factory=list)


def judge(
    conn: psycopg.Connection,
    sqlalchemy_url: str,
    load_id: int,
    *,
    source: Source | None,
    clock: Clock,
    limit: float | None = None,
    docs: Path | None,
) -> Verdict:
    """Judge a load with all its records, write the verdict (state `passed` or `refused`) and all results; commits.

    `source` gives the thresholds; None: its file is gone, and those of the installation count. `limit` is the share
    of bad rows, 0 to 1, that a person allows this time; None: the source's. A load may be judged again, say with
    another limit, until core has merged it. `sqlalchemy_url` (`postgresql+psycopg://`) is of a login that may take on
    the role loader; `docs` is the folder of the Data Docs, None for none.
    Raises MarketflowError when the load cannot be judged yet, or at all.
    """
    load = read_load(conn, load_id)
    conn.commit()  # judging takes seconds, on other connections: nothing of this one stays open meanwhile
    if load is None:
        raise MarketflowError(f"there is no load {load_id}")
    if load.state == "merged" or (load.state == "refused" and load.read == 0):
        return Verdict(passed=load.state == "merged", reason=load.reason, failed=[])
    if load.state == "loading":
        raise MarketflowError(f"load {load_id} is still being taken in, or its run died: the next run finishes it")
    outcomes = _of_source(conn, load, source, limit) + _of_records(sqlalchemy_url, load, source, clock, docs)
    verdict = _verdict(load, outcomes)
    _write(conn, load, outcomes, verdict, clock)
    if docs is not None:
        write_index(conn, docs, clock)
    return verdict


def _of_source(conn: psycopg.Connection, load: Load, source: Source | None, limit: float | None) -> list[Outcome]:
    quality = source.quality if source else None
    if limit is None:
        limit = quality.quarantined if quality else None
    if limit is None:
        limit = settings().quarantine_limit
    few = volume(conn, load, quality.volume if quality else _VOLUME)
    outcomes = [quarantined_share(conn, load, limit), refused_files(load), *([few] if few else [])]
    conn.commit()
    return outcomes


def _of_records(url: str, load: Load, source: Source | None, clock: Clock, docs: Path | None) -> list[Outcome]:
    latest = latest_instant(clock.business_date(), clock.time_zone)
    batches = []
    for contract in (contract_of(record) for record, rows in load.records.items() if rows):
        suite = partial(expectations, contract, latest, _brought(source, contract))
        query, is_costly = judged_rows(contract, load.load_id), contract.is_bulk
        batches.append(
            Batch(subject=contract.record, of="record", query=query, is_costly=is_costly, expectations=suite)
        )
    if not batches:
        return []
    return examine(url, batches, title=f"{load.source}-{load.load_id}", role="marketflow_loader", docs=docs)


def _brought(source: Source | None, contract: Contract) -> set[str] | None:
    """The columns that the source maps; None: its file is gone, and nobody knows.

    Where it maps whatever the file has, the time of a version may be the file's, which is not the file's to get wrong.
    """
    mapping = source.records.get(contract.record) if source else None
    if mapping is None:
        return None
    if mapping.columns is None:
        return {c.name for c in contract.columns if c.target != "version_at"}
    return set(mapping.columns)


def _verdict(load: Load, outcomes: list[Outcome]) -> Verdict:
    failed = [o for o in outcomes if not o.success]
    for outcome in failed:
        log.warning("load %s: %s", load.load_id, outcome.words)
    stops = [o.words for o in failed if o.severity == "stop"]
    told = [o.words for o in failed if o.expectation == "refused_files"]
    return Verdict(
        passed=not stops,
        reason="; ".join(stops + told) or None,
        failed=[o.name for o in failed],
        words=[o.words for o in failed],
    )


def _write(conn: psycopg.Connection, load: Load, outcomes: list[Outcome], verdict: Verdict, clock: Clock) -> None:
    store(conn, outcomes, now=clock.now(), load_id=load.load_id)
    values = {"load_id": load.load_id, "reason": verdict.reason, "state": "passed" if verdict.passed else "refused"}
    conn.execute(queries("quality")["write_verdict"], values)
    conn.commit()
