"""What a source as a whole is held against: the share of bad rows, files that were refused, the number of rows."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.rows import namedtuple_row

from marketflow.quality.outcome import Outcome
from marketflow.warehouse import queries

_FEWEST_LOADS = 3  # a mean of fewer says nothing: a first load often holds years


@dataclass(frozen=True, kw_only=True)
class Load:
    """A load as it stands in ops.loads, with the rows of each of its records."""

    load_id: int
    source: str
    kind: str
    state: str
    reason: str | None
    read: int
    quarantined: int
    refused_files: int
    first_refusal: str | None
    records: dict[str, int]


def read_load(conn: psycopg.Connection, load_id: int) -> Load | None:
    """The load, or None when there is none of that number."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        row = cursor.execute(queries("quality")["load"], {"load_id": load_id}).fetchone()
    return Load(**row._asdict()) if row else None


def quarantined_share(conn: psycopg.Connection, load: Load, limit: float) -> Outcome:
    """Stops the load when more than `limit` of its rows are in quarantine; the sentence names the commonest reasons."""
    share = load.quarantined / load.read if load.read else 0.0
    rows = conn.execute(queries("quality")["frequent_reasons"], {"load_id": load.load_id}) if share > limit else ()
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in rows)
    return Outcome(
        subject=load.source, of="source", expectation="quarantined_share", severity="stop", success=share <= limit,
        observed={"read": load.read, "quarantined": load.quarantined, "share": round(share, 6), "limit": limit},
        says=f"{load.quarantined:,} of {load.read:,} rows of {load.source} ({share:.1%}) are in quarantine and "
             f"{limit:.1%} are allowed; most often: {reasons}",
    )  # fmt: skip


def refused_files(load: Load) -> Outcome:
    """Tells of files that the loader refused, such as those whose columns have changed; the others go on."""
    return Outcome(
        subject=load.source, of="source", expectation="refused_files", success=load.refused_files == 0,
        observed={"refused": load.refused_files},
        says=f"{load.refused_files:,} file{'s were' if load.refused_files > 1 else ' was'} refused, "
             f"the first: {load.first_refusal}",
    )  # fmt: skip


def volume(conn: psycopg.Connection, load: Load, share: float) -> Outcome | None:
    """Tells when the load has fewer rows than `share` of the mean of the seven before it.

    None when there is nothing to compare: it is switched off, too few loads came before, or rows are replayed.
    """
    if not share or load.kind == "replay":
        return None
    values = {"source": load.source, "load_id": load.load_id}
    row = conn.execute(queries("quality")["recent_volume"], values).fetchone()
    loads, mean = (int(row[0]), float(row[1] or 0)) if row else (0, 0.0)
    if loads < _FEWEST_LOADS:
        return None
    return Outcome(
        subject=load.source, of="source", expectation="volume", success=load.read >= share * mean,
        observed={"rows": load.read, "mean": round(mean, 1), "loads": loads, "limit": share},
        says=f"{load.source} brought {load.read:,} rows; the {loads} loads before it had {mean:,.0f} on average",
    )  # fmt: skip
