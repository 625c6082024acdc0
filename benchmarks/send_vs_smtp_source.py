"""The whole way of a mail, against the fastest program that only talks: postfix's smtp-source.

Both send to postfix's smtp-sink over the same number of kept-open connections, mails of the same size, in turns. Ours
are personalised (Jinja in its sandbox, text and HTML, real MIME, a signed unsubscribe link) and stand in a ledger in
PostgreSQL, fsync on: each is claimed, begun after the last look at consent, handed over and settled. The baseline is C,
repeats one body and writes nothing down. Beside: the same with DKIM signatures, and the processor time of a mail.
"""

from __future__ import annotations

import os
from statistics import median

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from benchmarks import Result
from benchmarks._mails import fill_ledger, mean_size
from benchmarks._sender import Sent, send
from benchmarks._sink import sink, source
from benchmarks._warehouse import Bench, fresh_warehouse

MESSAGES = int(os.environ.get("BENCH_MAILS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SENDERS = int(os.environ.get("BENCH_SENDERS", "2"))
LIMIT = 0.25


def run() -> Result:
    """Mails per second; of the rounds, the one whose ratio is the middle one."""
    size = mean_size()
    with fresh_warehouse() as bench, sink() as port:
        pairs = [
            (_ours(bench, port, MESSAGES), source(port, MESSAGES, connections=SENDERS, size=size))
            for _ in range(ROUNDS)
        ]
        signed = {kind: _ours(bench, port, MESSAGES // 2, dkim=key) for kind, key in _keys().items()}
    ratios = [ours.rate / theirs for ours, theirs in pairs]
    middle = sorted(pairs, key=lambda pair: pair[0].rate / pair[1])[len(pairs) // 2]
    return Result(
        name="send_vs_smtp_source",
        ours=middle[0].rate,
        baseline=middle[1],
        unit="mails/s",
        what=f"{MESSAGES:,} personalised mails of {size / 1000:.1f} kB with their ledger, {SENDERS} senders; baseline:"
        " smtp-source, as many connections" + ("" if median(ratios) >= LIMIT else "; OUT OF LIMITS"),
        beside={
            "lowest ratio of the rounds": min(ratios),
            "highest ratio of the rounds": max(ratios),
            **{f"signed with {kind}": sent.rate for kind, sent in signed.items()},
            "of a sender's processor, microseconds a mail": min(o.cpu / o.messages for o, _ in pairs) * 1e6,
            "peak memory of a sender, MiB": max(o.peak for o, _ in pairs),
        },
    )


def _ours(bench: Bench, port: int, messages: int, dkim: str | None = None) -> Sent:
    with bench.fresh() as dsn:
        fill_ledger(dsn, messages)
        return send(dsn, port, messages, senders=SENDERS, dkim=dkim)


def _keys() -> dict[str, str]:
    """A DKIM key of each kind, in PEM."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "rsa-sha256 (2048 bits)": rsa_key.private_bytes(*form).decode(),
        "ed25519-sha256": ed25519.Ed25519PrivateKey.generate().private_bytes(*form).decode(),
    }
