"""Mails a second of our senders, against Airflow's `SmtpHook.send_email_smtp`, on one machine and to the same sink.

The baseline is what a task of a running Airflow gets: the hook opened for each mail, as EmailOperator and SmtpNotifier
do, with the connection where Airflow keeps them, in its database, so that the task asks the API server for it.
Beside stand the same in a bare process with the connection in an environment variable, and one hook kept open for all
mails. All of these send rendered words and keep no ledger; ours render, sign the link, and write down what became of
each.

The limit of ten times is for the baseline only. Against one hook kept open it could not be met by anybody: postfix's
smtp-source, in C, is 7.5 times as fast as that on the machine of docs/benchmarks.md.
"""

from __future__ import annotations

import os

from benchmarks import Result
from benchmarks._hook import hook_rates, stored_rate
from benchmarks._mails import fill_ledger
from benchmarks._sender import Sent, send
from benchmarks._sink import sink
from benchmarks._warehouse import Bench, fresh_warehouse

MESSAGES = int(os.environ.get("BENCH_MAILS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
BY_HOOK = 1_500
BY_TASK = 500
LIMIT = 10


def run() -> Result:
    """Mails per second, the best of the rounds each."""
    with fresh_warehouse() as bench, sink() as port:
        rounds = [(_ours(bench, port, 2), hook_rates(port, BY_HOOK)) for _ in range(ROUNDS)]
        alone = _ours(bench, port, 1)
        stored = stored_rate(port, BY_TASK)
    ours = max(sent.rate for sent, _ in rounds)
    each, kept = (max(hook[way] for _, hook in rounds) for way in ("each", "kept"))
    hooks = {"the baseline": stored, "a hook in a bare process": each, "one hook kept open": kept}
    within = ", ".join(f"{ours / rate:.1f} times {hook}" for hook, rate in hooks.items())
    return Result(
        name="send_vs_smtphook",
        ours=ours,
        baseline=stored,
        unit="mails/s",
        what="2 senders with their ledger; baseline: SmtpHook.send_email_smtp, opened for each mail, in a task with a"
        f" stored connection; {within}" + ("" if ours >= LIMIT * stored else "; OUT OF LIMITS"),
        beside={
            "by one sender": alone.rate,
            "by one hook kept open": kept,
            "by a hook opened for each mail, in a bare process with the connection in a variable": each,
        },
    )


def _ours(bench: Bench, port: int, senders: int) -> Sent:
    with bench.fresh() as dsn:
        fill_ledger(dsn, MESSAGES)
        return send(dsn, port, MESSAGES, senders=senders)
