"""Mails a second of our senders, against Airflow's `SmtpHook.send_email_smtp`, on one machine and to the same sink.

The baseline opens the hook for each mail, as EmailOperator and SmtpNotifier do; beside stands one hook kept open for
all of them. It sends rendered words and keeps no ledger; ours render, sign the link, and write down what became of each.
"""

from __future__ import annotations

import os

from benchmarks import Result
from benchmarks._hook import hook_rates
from benchmarks._mails import fill_ledger
from benchmarks._sender import Sent, send
from benchmarks._sink import sink
from benchmarks._warehouse import Bench, fresh_warehouse

MESSAGES = int(os.environ.get("BENCH_MAILS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
BY_HOOK = 1_500
LIMIT = 10


def run() -> Result:
    """Mails per second, the best of the rounds each."""
    with fresh_warehouse() as bench, sink() as port:
        rounds = [(_ours(bench, port, 2), hook_rates(port, BY_HOOK)) for _ in range(ROUNDS)]
        alone = _ours(bench, port, 1)
    ours = max(sent.rate for sent, _ in rounds)
    each, kept = (max(hook[way] for _, hook in rounds) for way in ("each", "kept"))
    return Result(
        name="send_vs_smtphook",
        ours=ours,
        baseline=each,
        unit="mails/s",
        what="2 senders with their ledger; baseline: SmtpHook.send_email_smtp, opened for each mail"
        + ("" if ours >= LIMIT * each else "; OUT OF LIMITS"),
        beside={"by one sender": alone.rate, "by one hook kept open": kept},
    )


def _ours(bench: Bench, port: int, senders: int) -> Sent:
    with bench.fresh() as dsn:
        fill_ledger(dsn, MESSAGES)
        return send(dsn, port, MESSAGES, senders=senders)
