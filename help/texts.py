"""Reads the texts of the help pages: a TOML file a section in each language, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FOLDER = Path(__file__).parent / "pages"
LANGUAGES = ("ru", "en")
#: Name of the section's file → its title, in the order of the contents.
SECTIONS: Mapping[str, str | Promise] = {
    "topics": _("Как это устроено"),
    "reasons": _("Почему звонок не отправляется"),
    "uploads": _("Что бывает с выгрузкой"),
    "notices": _("Уведомления"),
    "requests": _("Ответы API: весь запрос"),
    "records": _("Ответы API: одна запись"),
}


@dataclass(frozen=True)
class HelpPage:
    """One page: ``do`` are steps, ``see`` are codes of related pages."""

    code: str
    section: str
    title: str
    means: str
    why: str
    do: tuple[str, ...]
    example: str
    see: tuple[str, ...] = ()

    @property
    def is_of_api(self) -> bool:
        """Whether it is read by a source's developer rather than in the cabinet."""
        return self.section in ("requests", "records")


@dataclass(frozen=True)
class Section:
    """A part of the contents."""

    title: str | Promise
    pages: tuple[HelpPage, ...]


@cache
def pages_of(language: str) -> Mapping[str, HelpPage]:
    """Return every page of a language by its code, in the order of the contents."""
    return {
        code: _page(code, section, fields)
        for section in SECTIONS
        for code, fields in _read(language, section).items()
    }


def page_of(code: str, language: str) -> HelpPage | None:
    """Return the page of a code; None if there is none."""
    return pages_of(language).get(code)


def sections_of(language: str) -> list[Section]:
    """Return the contents."""
    pages = pages_of(language).values()
    return [
        Section(title, tuple(page for page in pages if page.section == name))
        for name, title in SECTIONS.items()
    ]


def _read(language: str, section: str) -> dict[str, dict[str, Any]]:
    """Read the pages of a section. `{support}` is the address of support; other braces are text."""
    text = (FOLDER / language / f"{section}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text.replace("{support}", settings.SUPPORT_EMAIL))


def _page(code: str, section: str, fields: dict[str, Any]) -> HelpPage:
    lists = {name: tuple(fields.get(name, ())) for name in ("do", "see")}
    return HelpPage(code=code, section=section, **fields | lists)
