"""Compiling translations at the build."""

from __future__ import annotations

import gettext
import os
from pathlib import Path

from accounts.catalogues import compile_catalogues

ENTRY = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "{}"\nmsgstr "{}"\n'


def test_newer_sources_are_compiled_and_others_left(tmp_path: Path) -> None:
    source = tmp_path / "en/LC_MESSAGES/django.po"
    source.parent.mkdir(parents=True)
    source.write_text(ENTRY.format("Звонок", "Call"))

    assert compile_catalogues(tmp_path) == [source.with_suffix(".mo")]
    assert compile_catalogues(tmp_path) == []
    assert _translated(source, "Звонок") == "Call"

    source.write_text(ENTRY.format("Звонок", "Phone call"))
    later = source.with_suffix(".mo").stat().st_mtime_ns + 1
    os.utime(source, ns=(later, later))
    assert compile_catalogues(tmp_path) == [source.with_suffix(".mo")]
    assert _translated(source, "Звонок") == "Phone call"
    assert sorted(path.name for path in source.parent.iterdir()) == ["django.mo", "django.po"]


def _translated(source: Path, text: str) -> str:
    with source.with_suffix(".mo").open("rb") as file:
        return gettext.GNUTranslations(file).gettext(text)
