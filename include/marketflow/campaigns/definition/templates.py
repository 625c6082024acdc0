"""A campaign's folder of templates: which file is what, in which language; MJML becomes HTML here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from marketflow.campaigns.content import TemplateRefused
from marketflow.campaigns.content.formats import fallbacks, known, localised
from marketflow.campaigns.content.mjml import compile_mjml
from marketflow.campaigns.content.source import flatten
from marketflow.campaigns.definition.model import Templates, Variant
from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import nearest

_MAX_TEMPLATE = 200_000  # characters; what is rendered has its own limit
_SHARED = "_shared"
_ARMS = "arms"
_HTML = {"body.html", "body.mjml"}
_KINDS = ("subject.txt", "preheader.txt", "body.txt", "body.html", "body.mjml")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?")
_ENDINGS = (".txt", ".html", ".mjml")


class _Named(NamedTuple):
    """A template's file: `body.zh.mjml` is the kind body.mjml in the locale zh."""

    path: Path
    kind: str
    locale: str


def load_templates(folder: Path, *, mail: bool, shared_folder: Path | None = None) -> Templates:
    """The templates of a campaign; raises DefinitionError with file, line where there is one, and remedy.

    A mail has a subject and a body in each of its languages, the body as text, HTML or MJML; a post has body.txt.
    What they may build on is in `shared_folder`, or else in `_shared` beside the campaign.
    """
    if not mail:
        return Templates(text=_read(folder / "body.txt"), **_shop())
    return _mail(folder, _by_language(folder), shared_folder)


def load_arms(folder: Path, arms: Mapping[str, str], *, mail: bool) -> dict[str, Templates]:
    """Templates by arm of those arms that have a folder `arms/<name>/` (`arms`: folder by arm); raises DefinitionError.

    A file in there stands in for the campaign's of the same name; a body in HTML or MJML for either.
    """
    places = folder / _ARMS
    there = sorted(f.name for f in places.iterdir() if f.is_dir()) if places.is_dir() else []
    for unread in [name for name in there if name not in arms.values() and name[0] != "."] if arms else []:
        raise DefinitionError(
            f"{places / unread}: no arm of the experiment has these templates{nearest(unread, sorted(arms.values()))}"
        )
    return {arm: _of_arm(folder, places / name, there, mail=mail) for arm, name in arms.items()}


def _of_arm(folder: Path, own: Path, there: list[str], *, mail: bool) -> Templates:
    if own.name not in there:
        raise DefinitionError(f"{own}: missing; an arm's templates are files in this folder{nearest(own.name, there)}")
    if not mail:
        return Templates(text=_read(own / "body.txt"), **_shop())
    languages = _by_language(folder)
    found = _by_language(own)
    if not found:
        raise DefinitionError(f"{own}: is empty; give it the file that differs, such as subject.txt")
    for locale, files in found.items():
        kept = languages.setdefault(locale, {})
        if _HTML & files.keys():
            for kind in _HTML:
                kept.pop(kind, None)
        kept.update(files)
    return _mail(folder, languages)


def _by_language(folder: Path) -> dict[str, dict[str, Path]]:
    languages: dict[str, dict[str, Path]] = {}
    for file in _files(folder):
        languages.setdefault(file.locale, {})[file.kind] = file.path
    return languages


def _mail(folder: Path, languages: Mapping[str, dict[str, Path]], shared_folder: Path | None = None) -> Templates:
    shared = _shared(shared_folder or folder.parent / _SHARED)
    fallback = _fallback(languages)
    tag = fallback or settings().locale
    made = {
        locale: _variant(folder, languages.get(locale, {}), locale, shared, tag if locale == fallback else locale)
        for locale in [fallback, *sorted(set(languages) - {fallback})]
    }
    return Templates(
        **made.pop(fallback).model_dump(), shared=shared, suffix=f".{fallback}" if fallback else "", variants=made,
        **{**_shop(), "locale": tag},
    )  # fmt: skip


def _shop() -> dict[str, str]:
    return {"locale": settings().locale, "currency": settings().currency}


def _fallback(languages: Mapping[str, object]) -> str:
    """The language for all that have none of their own: files without a locale, else the shop's, English, the first."""
    by_lower = {locale.lower(): locale for locale in languages}
    wanted = ["", *fallbacks(settings().locale), "en", *sorted(by_lower)]
    return next((by_lower[tag] for tag in wanted if tag in by_lower), "")


def _variant(folder: Path, files: Mapping[str, Path], locale: str, shared: Mapping[str, str], tag: str) -> Variant:
    dot = f".{locale}" if locale else ""
    if both := [files[k].name for k in ("body.html", "body.mjml") if k in files][1:]:
        raise DefinitionError(f"{folder / both[0]}: there is body{dot}.html, too; keep the one that shall be sent")
    bodies = ("body.txt", "body.html", "body.mjml")
    if missing := [k for k, there in (("subject", {"subject.txt"}), ("body", set(bodies))) if not there & files.keys()]:
        has = ", ".join(sorted(f.name for f in folder.iterdir()))
        instead = f"; body{dot}.html or body{dot}.mjml will do, too" if missing[0] == "body" else ""
        raise DefinitionError(f"{folder / missing[0]}{dot}.txt: missing; the folder has {has}{instead}")
    texts = {kind: _read(path) for kind, path in files.items()}
    mjml = texts.get("body.mjml")
    html = _html(folder, files["body.mjml"], mjml, shared, tag) if mjml is not None else texts.get("body.html")
    return Variant(
        subject=texts["subject.txt"],
        preheader=texts.get("preheader.txt"),
        text=texts.get("body.txt"),
        html=html,
        mjml=mjml,
    )


def _html(folder: Path, file: Path, mjml: str, shared: Mapping[str, str], tag: str) -> str:
    name = file.relative_to(folder.parent).as_posix()
    try:
        return compile_mjml(flatten(name, {name: mjml, **shared}, localised(shared, tag)))
    except TemplateRefused as error:
        raise DefinitionError(f"{folder.parent}/{error}") from None


def _files(folder: Path) -> list[_Named]:
    """The folder's templates; a name that looks like one and is none is an error, not a file that nobody reads."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix not in _ENDINGS or path.name.startswith("."):
            continue
        stem, *between = path.name.removesuffix(path.suffix).split(".", 1)
        kind, locale = stem + path.suffix, between[0] if between else ""
        if kind not in _KINDS:
            raise DefinitionError(f"{path}: is no template that is known{nearest(kind, _KINDS)}")
        if locale and not (_LOCALE.fullmatch(locale) and known(locale)):
            raise DefinitionError(
                f"{path}: there is no locale {locale!r}; a language is written as in {stem}.zh{path.suffix}, "
                f"with its region as in {stem}.zh-CN{path.suffix}"
            )
        found.append(_Named(path, kind, locale))
    return found


def _shared(folder: Path) -> dict[str, str]:
    return {f.name: _read(f) for f in sorted(folder.glob("*.*")) if f.is_file()} if folder.is_dir() else {}


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():  # a folder; or a pipe, which would be waited for
            raise DefinitionError(f"{path}: is no file")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        has = ", ".join(sorted(f.name for f in path.parent.iterdir()))
        raise DefinitionError(f"{path}: missing; the folder has {has}") from None
    except UnicodeDecodeError:
        raise DefinitionError(f"{path}: is not UTF-8 text") from None
    except OSError as error:
        raise DefinitionError(f"{path}: cannot be read ({error.strerror})") from None
    if len(text) > _MAX_TEMPLATE:
        raise DefinitionError(f"{path}: is longer than {_MAX_TEMPLATE} characters")
    return text
