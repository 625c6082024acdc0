"""The whole way of a mail, against the fastest program that only talks: postfix's smtp-source.

Both send to postfix's smtp-sink over the same number of kept-open connections, mails of the same size, in turns. Ours
are personalised (Jinja in its sandbox, text and HTML, real MIME, a signed unsubscribe link) and stand in a ledger in
PostgreSQL, fsync on: each is claimed, begun after the last look at consent, handed over and settled. The baseline is C,
repeats one body and writes nothing down. Beside: the same with DKIM signatures.
"""

from __future__ import annotations

import os

from benchmarks import Result
from benchmarks._mails import fill_ledger
from benchmarks._sender import Sent, send
from benchmarks._sink import sink, source
from benchmarks._warehouse import Bench, fresh_warehouse

MESSAGES = int(os.environ.get("BENCH_MAILS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SENDERS = 2
SIZE = 4_200  # bytes
LIMIT = 0.25


def run() -> Result:
    """Mails per second, the best of the rounds each."""
    with fresh_warehouse() as bench, sink() as port:
        pairs = [(_ours(bench, port), _theirs(port)) for _ in range(ROUNDS)]
    ours, theirs = max(o.rate for o, _ in pairs), max(t for _, t in pairs)
    return Result(
        name="send_vs_smtp_source",
        ours=ours,
        baseline=theirs,
        unit="mails/s",
        what=f"{MESSAGES:,} personalised mails with their ledger, {SENDERS} senders; baseline: smtp-source, as many"
        " connections" + ("" if ours >= LIMIT * theirs else "; OUT OF LIMITS"),
        beside={f"peak memory of a sender, MiB": max(o.peak for o, _ in pairs)},
    )


def _ours(bench: Bench, port: int) -> Sent:
    with bench.fresh() as dsn:
        fill_ledger(dsn, MESSAGES)
        return send(dsn, port, MESSAGES, senders=SENDERS)


def _theirs(port: int) -> float:
    return source(port, MESSAGES, connections=SENDERS, size=SIZE)
