"""A picture of each kind with known numbers, and what must be true of all of them."""

from __future__ import annotations

import datetime as dt
import io
from xml.etree import ElementTree as ET

from PIL import Image

from marketflow.pictures import (
    Bar,
    Caption,
    ClusterCard,
    Grid,
    Line,
    Period,
    Picture,
    cluster_map,
    flow,
    forecast,
    forecast_grid,
    heat_map,
)
from marketflow.pictures.style import DPI, WIDTH

SVG = "{http://www.w3.org/2000/svg}"
FIRST = dt.date(2017, 10, 2)


def caption(name: str = "example") -> Caption:
    return Caption(
        name=name,
        title="A title & more",
        subtitle="A subtitle",
        source="A source",
        description="In words: 1,234 < 5,678",
    )


def a_heat_map(cells: dict[tuple[int, int], tuple[float, str, str]] | None = None) -> Picture:
    found = {(0, 0): (3.0, "1,234", "champions"), (4, 4): (9.0, "5,678", "lost")} if cells is None else cells
    labels = [str(n) for n in range(5)]
    grid = Grid(title="Customers", columns=labels, rows=labels, column_title="x", row_title="y", cells=found)
    return heat_map(caption(), (grid, grid), [Bar(name="champions", value=5, words="50 %")], "Segments")


def a_flow(groups: int = 7) -> Picture:
    names = [f"group_{n}" for n in range(groups)]
    moves = {(a, b): 10 + 7 * n for n, a in enumerate(names) for b in (a, names[0])} | {("none", names[0]): 321}
    periods = [
        Period(label_from="1 May 2017", label_to="1 June 2017", moves=moves),
        Period(label_from="1 June 2017", label_to="1 July 2017", moves=moves),
    ]
    return flow(caption(), periods, [*names, "none"], {n: n.replace("_", " ") for n in [*names, "none"]})


def a_cluster_map(clusters: int = 5, name: str = "Frequent, big baskets") -> Picture:
    cards = [
        ClusterCard(
            cluster_id=n + 1,
            name=name,
            customers=4321,
            share=0.2,
            revenue_share=0.3,
            points=[(float(n), float(n % 3)), (n + 0.5, n - 0.5)] if n else [],
            differences={"paid per order": 1.5 - n, "orders at weekends": 0.01},
        )
        for n in range(clusters)
    ]
    return cluster_map(caption(), cards, ["paid per order", "orders at weekends", "known of none"])


def a_line(days: int = 91, ahead: int = 28, name: str = "total", level: float = 20000.0) -> Line:
    sold = [level + 100 * (n % 7) for n in range(days)]
    return Line(
        name=name,
        days=[FIRST + dt.timedelta(days=n) for n in range(days)],
        sold=sold,
        days_ahead=[FIRST + dt.timedelta(days=days + n) for n in range(ahead)],
        forecast=[level] * ahead,
        low=[level - 900] * ahead,
        high=[level + 900] * ahead,
    )


def a_forecast() -> Picture:
    return forecast(caption(), a_line(), "USD per day")


def a_forecast_grid(series: int = 5) -> Picture:
    return forecast_grid(caption(), [a_line(name=f"series {n}") for n in range(series)], "USD per day")


def texts(picture: Picture) -> str:
    """All that is written in the picture, without its title and description for screen readers."""
    return "\n".join("".join(e.itertext()) for e in ET.fromstring(picture.svg).iter(f"{SVG}text"))


def check(picture: Picture) -> None:
    """Valid XML with title and description, without references to elsewhere, and a PNG of the same shape."""
    root = ET.fromstring(picture.svg)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    title, desc = root[0], root[1]
    assert (title.tag, title.text) == (f"{SVG}title", picture.title)
    assert (desc.tag, desc.text) == (f"{SVG}desc", picture.description)
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href") or "url(" in v]
    assert all(v.startswith("#") or "url(#" in v for v in links)
    assert "<!DOCTYPE" not in picture.svg
    assert not list(root.iter(f"{SVG}script"))
    image = Image.open(io.BytesIO(picture.png))
    image.load()
    assert image.format == "PNG"
    across, down = (float(x) for x in root.get("viewBox", "").split()[2:])  # points
    assert image.size[0] == WIDTH * DPI == across / 72 * DPI
    assert abs(image.size[1] - down / 72 * DPI) <= 1
    assert picture.title in texts(picture)
