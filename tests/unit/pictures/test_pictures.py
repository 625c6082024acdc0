"""Every picture is valid, says what it shows in words and numbers, and is the same for the same data."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import Callable

import pytest

from marketflow.pictures import Grid, Line, Picture, flow, forecast, heat_map, no_data
from marketflow.pictures.style import ink_on, look
from unit.pictures.drawn import (
    a_cluster_map,
    a_flow,
    a_forecast,
    a_forecast_grid,
    a_heat_map,
    a_line,
    caption,
    check,
    texts,
)

KINDS = [a_heat_map, a_flow, a_cluster_map, a_forecast, a_forecast_grid]


@pytest.mark.parametrize("draw", KINDS)
def test_valid_and_the_same_each_time(draw: Callable[[], Picture]) -> None:
    first, second = draw(), draw()
    check(first)
    assert first == second
    assert len(first.png) < 500_000


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (a_heat_map, ["1,234", "5,678", "champions", "lost", "50 %", "Customers"]),
        (a_flow, ["1 May 2017", "1 July 2017", "group 0", "none", "321"]),
        (a_cluster_map, ["Frequent, big baskets", "4,321 customers (20 %), 30 % of revenue", "paid per order", "+1.5"]),
        (a_forecast, ["20,000", "USD per day", "2 Oct", "9 Oct", "last day known: 31 December 2017", "80 % interval"]),
        (a_forecast_grid, ["series 0", "series 4", "forecast", "sold"]),
    ],
)
def test_the_numbers_are_written_as_text(draw: Callable[[], Picture], words: list[str]) -> None:
    written = texts(draw())
    assert [word for word in words if word not in written] == []


def test_no_data_is_a_picture_that_says_so() -> None:
    picture = no_data(caption(), "Nobody has bought anything.")
    check(picture)
    assert "No data" in texts(picture)
    assert "Nobody has bought anything." in texts(picture)
    assert picture.description == "A title & more: no data. Nobody has bought anything."


@pytest.mark.parametrize("groups", [1, 2, 12, 60])
def test_one_group_and_many(groups: int) -> None:
    for picture in (a_flow(groups), a_cluster_map(groups)):
        check(picture)
    assert f"group {groups - 1}" in texts(a_flow(groups))


def test_long_names_are_shortened() -> None:
    name = "A cluster whose name goes on and on until nobody reads it to its very end"
    written = texts(a_cluster_map(3, name))
    assert "A cluster whose name goes on" in written
    assert name not in written


def test_a_title_that_is_too_long_is_written_smaller() -> None:
    said = caption()
    for words in ("short", "words " * 40):
        picture = no_data(type(said)(**{**vars(said), "title": words.strip()}), "why")
        check(picture)


@pytest.mark.parametrize(
    "cells", [{}, {(2, 2): (7.0, "7", "new")}, {(n, n): (5.0, "5", "") for n in range(5)}, {(0, 0): (-3.0, "-3", "x")}]
)
def test_cells_that_are_few_equal_or_negative(cells: dict[tuple[int, int], tuple[float, str, str]]) -> None:
    check(a_heat_map(cells))


def test_a_heat_map_without_bars() -> None:
    grid = Grid(title="t", columns=["1"], rows=["1"], column_title="x", row_title="y", cells={(0, 0): (1.0, "1", "")})
    check(heat_map(caption(), (grid, grid), [], "none"))


@pytest.mark.parametrize(
    "line",
    [
        a_line(days=1, ahead=1),
        a_line(days=0, ahead=7),
        a_line(level=0.0),
        a_line(level=-500.0),
        a_line(days=700, ahead=365),
        a_line(level=3.2e7),
    ],
    ids=["one day", "no history", "nothing sold", "negative", "two years", "millions"],
)
def test_lines_of_all_kinds(line: Line) -> None:
    check(forecast(caption(), line, "USD per day"))


def test_weeks_are_mondays_and_not_too_many() -> None:
    days = {w for w in texts(forecast(caption(), a_line(days=300), "USD")).split("\n") if w.endswith(" Oct")}
    assert all(dt.date(2017, 10, int(w.split()[0])).weekday() == 0 for w in days if int(w.split()[0]) < 32)


def test_nobody_moved() -> None:
    picture = flow(caption(), [], ["a", "none"], {"a": "a", "none": "none"})
    check(picture)
    assert "no two days yet" in texts(picture)


def test_a_name_that_is_none_is_refused() -> None:
    for name in ("", "A b", "x-y", '"><script>'):
        with pytest.raises(ValueError, match="is no name of a picture"):
            no_data(caption(name), "why")


def test_words_that_are_markup_stay_words() -> None:
    said = caption()
    hostile = type(said)(**{**vars(said), "title": "<script>alert(1)</script> & $x^2$", "description": "</desc><x>"})
    picture = no_data(hostile, "why")
    check(picture)
    assert "<script>" not in picture.svg


def test_looks_differ_without_colour() -> None:
    looks = [look(n) for n in range(12)]
    assert len({(found.colour, found.hatch) for found in looks}) == 12
    assert len({found.marker for found in looks}) == 12


def test_text_is_read_on_every_shade() -> None:
    from matplotlib.colors import to_hex, to_rgb

    from marketflow.pictures.style import diverging, shade

    def light(colour: str) -> float:
        parts = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in to_rgb(colour)]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    found = [shade(n / 50) for n in range(51)] + [diverging(n / 10, 2.0) for n in range(-20, 21)]
    for colour, ink in found:
        low, high = sorted([light(colour), light(ink)])
        assert (high + 0.05) / (low + 0.05) >= 4.0, colour
    assert ink_on(to_hex("white")) != ink_on(to_hex("black"))


def test_drawing_changes_no_settings_and_threads_do_not_mix() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    alone = [draw() for draw in KINDS]
    found: dict[int, Picture] = {}

    def run(n: int) -> None:
        found[n] = KINDS[n % 5]()

    threads = [threading.Thread(target=run, args=(n,)) for n in random.Random(1).sample(range(10), 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[n] for n in range(10)] == alone * 2
    assert dict(mpl.rcParams) == before
