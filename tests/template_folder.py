"""Builders for tests of templates: a folder of them, and what a marketer is told of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from marketflow.campaigns import Renderer, TemplateRefused
from marketflow.campaigns.definition import load_campaign
from marketflow.shared import DefinitionError

YAML = """\
name: letter
title: A letter
owner: marketing
channel: email
purpose: {purpose}
trigger:
  on: manual
audience:
  where: "orders > 1"
content:
  recommend:
    list: discover
    limit: 3
"""
PRODUCTS = [{"product_id": 1, "name": "Bread & <butter>"}, {"product_id": 2, "name": "Milk"}]
VARIABLES: dict[str, Any] = {
    "given_name": "Ada",
    "products": PRODUCTS,
    "unsubscribe_url": "https://shop.example.com/u/token",
    "preferences_url": "https://shop.example.com/p/token",
    "web_version_url": "https://shop.example.com/w/token",
    "brand": "The Shop",
    "business_date": dt.date(2017, 12, 31),
    "locale": "en-US",
}


def folder(path: Path, **files: str) -> Path:
    """`body__zh__mjml="..."` is body.zh.mjml, `_shared__x__mjml` is _shared/x.mjml."""
    letter = path / "letter"
    letter.mkdir(parents=True)
    (letter / "campaign.yaml").write_text(YAML.format(purpose=files.pop("purpose", "marketing")))
    for name, text in ({"subject__txt": "Hi"} | files).items():
        base = path / "_shared" if name.startswith("_shared__") else letter
        base.mkdir(exist_ok=True)
        (base / name.removeprefix("_shared__").replace("__", ".").replace("_C", "-C")).write_text(text)
    return letter


def renderer(path: Path, **files: str) -> Renderer:
    return Renderer(load_campaign(folder(path, **files)).frozen)


def mjml(inside: str) -> str:
    return f"<mjml>\n<mj-body>\n<mj-section>\n<mj-column>\n{inside}\n</mj-column>\n</mj-section>\n</mj-body>\n</mjml>\n"


def refused(path: Path, **files: str) -> str:
    """What a marketer is told, without the folder."""
    with pytest.raises((DefinitionError, TemplateRefused)) as info:
        renderer(path, **files).render(VARIABLES)
    return str(info.value).replace(f"{path}/", "")
