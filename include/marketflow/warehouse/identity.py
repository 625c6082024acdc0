"""One person in several records: whoever shares an exact key (loyalty number, e-mail address, telephone number).

Keys are taken by strength: all loyalty numbers, then all addresses, then all telephone numbers. Two numbers of one
system are two people, whatever they share: a key that two of them have (a family's address) joins nobody, and a key
that would give one person two numbers of a system is passed over. Both are noted, so that somebody can look.

In which order loads come matters only where keys contradict each other: what was joined stays joined.

Memory: keys are read as a stream; what is held are the persons who share a key with somebody in this build, about a
kilobyte each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from sys import intern
from typing import Any

import psycopg

from marketflow.warehouse.queries import queries

_AT_ONCE = 10_000  # rows
_WORDS = {"loyalty": "loyalty number", "email": "e-mail address", "phone": "telephone number"}

Number = tuple[str, str]  # system, external id
_Node = int | Number  # a customer of core, or a number that is new


@dataclass(frozen=True, kw_only=True, slots=True)
class Carrier:
    """A number that has a key: of a known customer, or of nobody yet. `load_id` is None when core knew it before."""

    kind: str
    key: bytes
    number: Number
    customer_id: int | None
    load_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Join:
    """Two who are one: `number` belongs to `kept` (a customer, or another new number), because both have a key.

    `merged_customer_id` is the customer of core who is given up; None for a number that is new.
    """

    number: Number
    same: Number
    kind: str
    kept: _Node
    merged_customer_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NotJoined:
    """A key that joins nobody, and why."""

    carriers: tuple[Carrier, ...]
    reason: str


@dataclass(eq=False, slots=True)
class _Person:
    """A group of numbers and customers that are one so far; `why` has the key by which each was joined."""

    customers: set[int] = field(default_factory=set)
    new: set[Number] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)
    why: dict[_Node, tuple[str, Number, Number]] = field(default_factory=dict)

    @property
    def rank(self) -> tuple[int, int, str, int, str]:
        """The smaller is kept: the customer known longest, else the number that the shop gave first."""
        if self.customers:
            return (0, min(self.customers), "", 0, "")
        source, number = min(self.new, key=_place)
        return (1, 0, source, len(number), number)


def join_people(
    carriers: Iterable[Carrier], numbers: Mapping[int, Iterable[Number]]
) -> tuple[list[Join], list[NotJoined]]:
    """Who is one, and which keys join nobody.

    `carriers` are sorted: strong keys first, those of one key together. `numbers` has those of each known customer.
    """
    people: dict[_Node, _Person] = {}
    refused: list[NotJoined] = []
    for (kind, _), group in groupby(carriers, key=lambda c: (c.kind, c.key)):
        together = list(group)
        for carrier in together:
            _add(people, _node(carrier), numbers)
        if len({c.number[0] for c in together}) < len(together):
            reason = f"two customers of one system have the same {_WORDS[kind]}; they stay two"
            refused.append(NotJoined(carriers=tuple(together), reason=reason))
            continue
        for other in together[1:]:
            if not _unite(people, together[0], other):
                reason = f"one {_WORDS[kind]} would give a customer two numbers of one system; not joined"
                refused.append(NotJoined(carriers=(together[0], other), reason=reason))
    return _joins(people), refused


def find_same_people(conn: psycopg.Connection) -> None:
    """Fill `same_people` and `same_customers` from the keys of the loads, and note in `found` what is not joined."""
    q = queries("identity")
    if conn.execute(q["shared_carriers"]).rowcount > 0:
        numbers: dict[int, list[Number]] = {}
        for customer, source, number in conn.execute(q["numbers"]):
            numbers.setdefault(customer, []).append((source, number))
        joins, refused = join_people(_shared(conn), numbers)
        _copy(conn, q["same_people"], (_row(j) for j in joins if j.merged_customer_id is None))
        _copy(conn, q["same_customers"], ((*_row(j), j.merged_customer_id) for j in joins if j.merged_customer_id))
        _copy(conn, q["not_joined"], (row for r in refused for row in _notes(r)))
    conn.execute(q["drop_carriers"])


def _shared(conn: psycopg.Connection) -> Iterator[Carrier]:
    """Who has the keys that several have, strongest first, as a stream."""
    with conn.cursor(name="shared_keys") as cursor:
        cursor.itersize = _AT_ONCE
        for kind, key, source, number, customer, load in cursor.execute(queries("identity")["shared_keys"]):
            yield Carrier(kind=kind, key=key, number=(intern(source), number), customer_id=customer, load_id=load)


def _copy(conn: psycopg.Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _place(number: Number) -> tuple[str, int, str]:
    return number[0], len(number[1]), number[1]


def _node(carrier: Carrier) -> _Node:
    return carrier.number if carrier.customer_id is None else carrier.customer_id


def _add(people: dict[_Node, _Person], node: _Node, numbers: Mapping[int, Iterable[Number]]) -> None:
    """Whom a number stands for before anything is joined."""
    if node in people:
        return
    if isinstance(node, int):
        people[node] = _Person(customers={node}, numbers=dict(numbers.get(node, ())))
    else:
        people[node] = _Person(new={node}, numbers=dict([node]))


def _unite(people: dict[_Node, _Person], one: Carrier, other: Carrier) -> bool:
    """Make one of the two persons who have a key; False when that would give somebody two numbers of a system."""
    ends = [(people[_node(c)], c.number) for c in (one, other)]
    (kept, kept_number), (gone, gone_number) = sorted(ends, key=lambda end: end[0].rank)
    if kept is gone:
        return True
    if any(kept.numbers.get(system, number) != number for system, number in gone.numbers.items()):
        return False
    nodes: list[_Node] = [*gone.customers, *gone.new]
    kept.why |= dict.fromkeys(nodes, (one.kind, gone_number, kept_number)) | gone.why
    people.update(dict.fromkeys(nodes, kept))
    kept.customers |= gone.customers
    kept.new |= gone.new
    kept.numbers |= gone.numbers
    return True


def _joins(people: Mapping[_Node, _Person]) -> list[Join]:
    """Customers by number first, then new numbers in the order of the shop's own."""
    found: list[Join] = []
    for person in {id(p): p for p in people.values()}.values():
        kept: _Node = min(person.customers) if person.customers else min(person.new, key=_place)
        for node, (kind, number, same) in person.why.items():
            if node != kept:
                customer = node if isinstance(node, int) else None
                own = number if isinstance(node, int) else node
                found.append(Join(number=own, same=same, kind=kind, kept=kept, merged_customer_id=customer))
    return sorted(found, key=lambda j: (j.merged_customer_id or 0, _place(j.number)))


def _row(join: Join) -> tuple[Any, ...]:
    """A row of same_people, and the beginning of one of same_customers.

    A new number follows another new one until that has a customer.
    """
    follows = join.same if isinstance(join.kept, int) else join.kept
    customer = join.kept if isinstance(join.kept, int) else None
    return (*join.number, customer, *follows, join.kind)


def _notes(refused: NotJoined) -> list[tuple[Any, ...]]:
    """Rows of `found`, for the numbers that these loads brought."""
    return [(c.load_id, "customers", refused.reason, c.number[1]) for c in refused.carriers if c.load_id is not None]
