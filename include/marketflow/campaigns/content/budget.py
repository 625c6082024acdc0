"""What one render may take: an allowance of steps, and a measure of every value that an expression makes.

Small values cost nothing: what they can add up to is bounded by the length of the template, and in a loop by the price
of its turns (guard.py). So an ordinary letter pays for its loops only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar, Token
from typing import Any

from jinja2 import pass_context

_MAX_STEPS = 100_000
_TURN = 20  # steps of a turn beside those of what stands in the loop: 5,000 turns of an empty one
_MAX_BETWEEN = 2_000  # characters of a text, items of a list, that an expression may make
_MAX_NUMBER = 10**15
_SMALL = 100
_TEXT_FILTERS = frozenset(["capitalize", "e", "escape", "lower", "string", "title", "trim", "truncate", "upper"])
_ITERATORS = frozenset(["reverse", "unique"])
_ANY_ARGUMENT = frozenset(["d", "default"])
_LISTS = (list, tuple, dict)
_LONG = (str, *_LISTS)  # tuples, since `str | list` is made anew each time, and this is asked at each filter
_NUMBERS = (int, float)
_steps: ContextVar[int | None] = ContextVar("steps", default=None)


class LimitReached(Exception):
    """Inside a render: too many steps or too much text."""


def begin_budget() -> Token[int | None]:
    """Give one render its allowance of steps; `end_budget` takes what this returns."""
    return _steps.set(_MAX_STEPS)


def end_budget(token: Token[int | None]) -> None:
    """The render is over."""
    _steps.reset(token)


def bounded(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of Jinja's whose operands and result are measured; its iterators become lists, which have a length."""
    at = 1 if hasattr(plain, "jinja_pass_arg") else 0
    texts_only, iterates, any_argument = name in _TEXT_FILTERS, name in _ITERATORS, name in _ANY_ARGUMENT

    @functools.wraps(plain)  # Jinja's marks on the function come along
    def measured(*args: Any, **options: Any) -> Any:
        value = args[at]
        if isinstance(value, _LONG):
            if (size := len(value)) > _SMALL:
                _charge(size)
            if texts_only and isinstance(value, _LISTS):
                raise LimitReached(f"a list is no text for {name!r}; use a loop, or the filter 'join'")
        if not any_argument and (options or len(args) > at + 1):
            _refuse_lists((*args[at + 1 :], *options.values()), f"the filter {name!r} takes no list in its brackets")
        made = plain(*args, **options)
        return short(list(made) if iterates and not isinstance(made, str) else made)

    return measured


def arithmetic(operator: str, left: Any, right: Any) -> None:
    """Refuse operands of which too much would become; lists cannot be multiplied at all, and their sums cost."""
    if isinstance(left, str) and operator == "%":
        raise LimitReached("texts are not formatted with %")
    if operator == "*":
        _refuse_lists((left, right), "lists cannot be multiplied")
        for text, number in ((left, right), (right, left)):
            if isinstance(text, str) and len(text) * int(number) > _MAX_BETWEEN:
                raise LimitReached(f"an expression makes more than {_MAX_BETWEEN} characters")
    for value in (left, right):
        _weigh(value)


def _weigh(value: Any) -> None:
    """Long lists and texts cost their length."""
    if isinstance(value, _LONG) and (size := len(value)) > _SMALL:
        _charge(size)


def short(value: Any) -> Any:
    """The value, unless it is too long or too large."""
    if isinstance(value, _LONG):
        if len(value) > _MAX_BETWEEN:
            raise LimitReached(f"an expression makes more than {_MAX_BETWEEN} characters")
    elif isinstance(value, _NUMBERS) and abs(value) > _MAX_NUMBER:
        raise LimitReached("a number is too large")
    return value


@pass_context
def _turns(_context: Any, items: Iterable[Any], nodes: int) -> Iterator[Any]:
    """What a loop goes through; each turn costs what stands in the loop."""
    price = _TURN + nodes
    for item in items:
        _charge(price)
        yield item


@pass_context
def _weighed(_context: Any, value: Any) -> Any:
    """What is compared, looked into or cut."""
    _weigh(value)
    return value


@pass_context
def _flat(_context: Any, made: Any) -> Any:
    """A list as it is written: of texts and numbers. Lists within lists grow with each level as no limit can tell."""
    _refuse_lists((*made, *made.values()) if isinstance(made, dict) else made, "a list cannot hold other lists")
    _weigh(made)
    return made


@pass_context
def _shown(_context: Any, value: Any) -> Any:
    """What is written into a message."""
    if isinstance(value, _LISTS):
        raise LimitReached("a list cannot be written as it is; use a loop, or the filter 'join'")
    return value


OURS: Mapping[str, Callable[..., Any]] = {"turns": _turns, "weighed": _weighed, "flat": _flat, "shown": _shown}
"""Filters that no template may name: guard.py puts them in."""


def _refuse_lists(values: Sequence[Any], words: str) -> None:
    for value in values:
        if isinstance(value, _LISTS):
            raise LimitReached(words)


def _charge(steps: int) -> None:
    left = _steps.get()
    if left is not None:
        if left < steps:
            raise LimitReached("it takes too long: too many turns of loops, or too much in them")
        _steps.set(left - steps)
