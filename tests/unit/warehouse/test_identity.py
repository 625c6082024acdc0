"""Who is one person: the same whatever the order, and never two numbers of one system."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.warehouse.identity import Carrier, Join, join_people

STRENGTH = ["loyalty", "email", "phone"]
# Up to eight records: a system, a number in it, and for each kind one of three keys or none.
RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["web", "till", "crm"]),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(STRENGTH),
        st.sampled_from([b"a", b"b", b"c"]),
    ),
    max_size=8,
)


def carriers(records: list[tuple[str, str, str, bytes]], known: dict[tuple[str, str], int]) -> list[Carrier]:
    """Sorted as the statement sorts them, keys that only one number has left out."""
    rows = sorted(set(records), key=lambda r: (STRENGTH.index(r[2]), r[3], r[0], len(r[1]), r[1]))
    found = []
    for _, group in itertools.groupby(rows, key=lambda r: r[2:]):
        together = list(group)
        if len(together) > 1:
            found += [
                Carrier(kind=r[2], key=r[3], number=r[:2], customer_id=known.get(r[:2]), load_id=1) for r in together
            ]
    return found


def groups(joins: list[Join], known: dict[tuple[str, str], int]) -> set[frozenset[tuple[str, str]]]:
    """Numbers that are one, from what was joined."""
    owner = {number: number for number in known} | {j.number: j.number for j in joins}
    by_customer = {customer: number for number, customer in known.items()}
    for join in joins:
        target = by_customer[join.kept] if isinstance(join.kept, int) else join.kept
        owner.setdefault(target, target)
        source = by_customer[join.merged_customer_id] if join.merged_customer_id is not None else join.number
        owner[source] = target
    return {frozenset(n for n in owner if owner[n] == t) for t in set(owner.values())}


@given(RECORDS)
@settings(max_examples=300, deadline=None)
def test_nobody_has_two_numbers_of_one_system(records: list[tuple[str, str, str, bytes]]) -> None:
    joins, _ = join_people(carriers(records, {}), {})
    for group in groups(joins, {}):
        systems = [system for system, _ in group]
        assert len(systems) == len(set(systems))


@given(RECORDS)
@settings(max_examples=300, deadline=None)
def test_new_numbers_and_known_customers_give_the_same_people(records: list[tuple[str, str, str, bytes]]) -> None:
    numbers = sorted({r[:2] for r in records}, key=lambda n: (n[0], len(n[1]), n[1]))
    known = {number: place for place, number in enumerate(numbers, start=1)}
    new, refused = join_people(carriers(records, {}), {})
    merged, refused_too = join_people(carriers(records, known), {c: [n] for n, c in known.items()})
    alone = {frozenset([n]) for n in numbers}
    joined = {g for g in groups(new, {}) if len(g) > 1}
    assert joined == {g for g in groups(merged, known) if len(g) > 1} - alone
    assert len(refused) == len(refused_too)
    assert all(isinstance(j.kept, int) and j.kept < (j.merged_customer_id or 0) for j in merged)


def test_the_reason_names_the_key_and_both_numbers() -> None:
    records = [
        ("web", "1", "email", b"a"),
        ("till", "A", "email", b"a"),
        ("till", "A", "phone", b"b"),
        ("crm", "X", "phone", b"b"),
    ]
    joins, refused = join_people(
        carriers(records, {("web", "1"): 7, ("crm", "X"): 9}), {7: [("web", "1")], 9: [("crm", "X")]}
    )
    assert not refused
    assert joins == [
        Join(number=("till", "A"), same=("web", "1"), kind="email", kept=7, merged_customer_id=None),
        Join(number=("crm", "X"), same=("till", "A"), kind="phone", kept=7, merged_customer_id=9),
    ]
