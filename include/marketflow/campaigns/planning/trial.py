"""Test messages: what up to three customers would get, to the shop's own people, in whose names nothing is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from marketflow.campaigns.content.arms import arms_of
from marketflow.privacy import EMAIL, AddressRefused, KeyRing, normalise_email
from marketflow.shared import DefinitionError
from marketflow.warehouse import queries

MOST_ADDRESSES = 5
PREFIX = "[Test] "
_SAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Trial:
    """To whom test messages go, normalised, and who wants them sent."""

    addresses: list[str] = field(repr=False)
    actor: str


def to_test(texts: Sequence[str], actor: str) -> Trial | None:
    """The addresses of a form, each once; None when there are none.

    Raises DefinitionError for one that cannot be written to, by its place: the text itself is told to nobody.
    """
    found = []
    for place, text in enumerate((t for t in texts if t.strip()), start=1):
        try:
            found.append(normalise_email(text))
        except AddressRefused as refused:
            raise DefinitionError(f"test_addresses: address {place} cannot be used: {refused.reason}") from None
    if len(found) > MOST_ADDRESSES:
        raise DefinitionError(f"test_addresses: {len(found)} are given; at most {MOST_ADDRESSES} get a test")
    return Trial(addresses=list(dict.fromkeys(found)), actor=actor) if found else None


def write_trial(
    conn: psycopg.Connection,
    plan: Mapping[str, Any],
    frozen: Mapping[str, Any],
    trial: Trial,
    *,
    keys: KeyRing,
) -> int:
    """Plan the test messages beside the (dry) plan of `plan` and return the number of their own plan, to be released.

    The messages have the products of real customers and nobody's name; their subject begins
    with [Test]. They are marked is_test, so that no cap, budget or evaluation counts them.
    """
    q = queries("campaign_events")
    rows = conn.execute(q["trial_contents"], {**plan, "samples": _SAMPLES}).fetchall() or [([],)]
    arms = arms_of(frozen)
    rows = rows[: max(1, _SAMPLES // len(arms))]
    messages = [(arm, content) for arm in arms for (content,) in rows]
    values = {
        **plan,
        "test_definition": Jsonb(_marked(frozen)),
        "keyed": [keys.keyed_hash(a) for a in trial.addresses],
        "addresses": [keys.encrypt(a, EMAIL) for a in trial.addresses],
        "steps": list(range(len(messages))),
        "contents": [Jsonb({"product_ids": list(ids)}) for _, ids in messages],
        "variants": [arm for arm, _ in messages],
        "actor": trial.actor,
    }
    conn.execute(q["trial_contacts"], values)
    found = conn.execute(q["trial_plan"], values).fetchone()
    assert found is not None  # INSERT ... RETURNING
    values["test_plan_id"] = int(found[0])
    values["messages"] = conn.execute(q["trial_sends"], values).rowcount
    conn.execute(q["trial_counted"], values)
    conn.execute(q["trial_noted"], values)
    return int(found[0])


def _marked(frozen: Mapping[str, Any]) -> dict[str, Any]:
    """The definition whose subjects say that this is a test, each arm's its own; nobody has to approve it."""

    def marked(subject: object) -> str:
        return f"{PREFIX}{frozen['subject_override'] or str(subject).strip()}"

    arms = {name: {**own, "subject_override": marked(own["subject"])} for name, own in frozen.get("arms", {}).items()}
    return {
        **frozen, "subject_override": marked(frozen["templates"]["subject"]), "approval": False,
        **({"arms": arms} if arms else {}),
    }  # fmt: skip
