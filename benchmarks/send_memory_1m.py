"""Does a sender's memory grow with the queue, or with what it has sent? A ledger of a million mails, and one of 10,000.

A sender sends 100,000 of the million and another all of the 10,000; the figures are the peaks of both (VmHWM).
"""

from __future__ import annotations

import os

from benchmarks import Result
from benchmarks._mails import fill_ledger
from benchmarks._sender import Sent, send
from benchmarks._sink import sink
from benchmarks._warehouse import Bench, fresh_warehouse

PLANNED = int(os.environ.get("BENCH_PLANNED", "1000000"))
SENT = int(os.environ.get("BENCH_SENT", "100000"))
FEW = 10_000
MEMORY_LIMIT, GROWTH_LIMIT = 300, 1.1


def run() -> Result:
    """MiB; a limit that is broken is said in `what`."""
    with fresh_warehouse() as bench, sink() as port:
        few = _sent(bench, port, FEW, FEW)
        many = _sent(bench, port, PLANNED, SENT)
    within = many.peak < MEMORY_LIMIT and many.peak <= GROWTH_LIMIT * few.peak
    return Result(
        name="send_memory_1m",
        ours=many.peak,
        baseline=few.peak,
        unit="MiB",
        more_is_better=False,
        what=f"peak of a sender: {SENT:,} mails of {PLANNED:,} in the ledger; baseline: {FEW:,} of {FEW:,}"
        + ("" if within else "; OUT OF LIMITS"),
        beside={"mails/s of the one": many.rate, f"mails/s of {FEW:,}": few.rate},
    )


def _sent(bench: Bench, port: int, planned: int, messages: int) -> Sent:
    with bench.fresh() as dsn:
        fill_ledger(dsn, planned)
        return send(dsn, port, messages)
