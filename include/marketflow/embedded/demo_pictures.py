"""The pictures of what the demo's campaigns brought and of its journey, as files to be looked at."""

from __future__ import annotations

from pathlib import Path

from marketflow.embedded.config import Config
from marketflow.embedded.demo_story import JOURNEY
from marketflow.embedded.environment import pinned_settings
from marketflow.warehouse import connect, queries


def save_pictures(config: Config) -> list[Path]:
    """Write `var/demo/campaign_<name>.svg` for each that was drawn, and the journey's page; gives the files."""
    from marketflow.campaigns.journeys import load_journeys, page, read_counts

    folder, day = config.home / "demo", pinned_settings(config).clock().business_date()
    folder.mkdir(parents=True, exist_ok=True)
    with connect(config.dsn("owner")) as conn:
        texts = {f"{name}.svg": svg for name, svg in conn.execute(queries("embedded")["campaign_pictures"])}
        for journey in (j for j in load_journeys() if j.name == JOURNEY):
            texts[f"journey_{journey.name}.html"] = page(journey, read_counts(conn, journey.name), day=day)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in sorted(texts)]
