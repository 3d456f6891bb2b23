"""Russian plural forms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils import translation

from cabinets.plurals import plural
from devtools.tools.messages import APPS
from tests.paths import ROOT


@pytest.mark.parametrize(
    ("count", "form"),
    [
        (0, "many"),
        (1, "one"),
        (2, "few"),
        (4, "few"),
        (5, "many"),
        (11, "many"),
        (12, "many"),
        (14, "many"),
        (21, "one"),
        (24, "few"),
        (25, "many"),
        (111, "many"),
        (112, "many"),
        (122, "few"),
    ],
)
def test_plural_form(count: int, form: str) -> None:
    assert plural(count, "one", "few", "many") == form


@pytest.mark.parametrize(
    ("count", "form"), [(0, "many"), (1, "one"), (2, "many"), (21, "many"), (101, "many")]
)
def test_plural_form_in_english(count: int, form: str) -> None:
    with translation.override("en"):
        assert plural(count, "one", "few", "many") == form


def test_ngettext_has_a_plural_that_is_right_with_every_number() -> None:
    calls = r'ngettext\(\s*"[^"]*",\s*"([^"]*)"'
    plurals = [
        text
        for app in (*APPS, "dashboard")
        for path in Path(ROOT, app).rglob("*.py")
        for text in re.findall(calls, path.read_text())
    ]
    assert len(plurals) == 6
    assert [text for text in plurals if not re.search(r": %(\(count\))?d", text)] == []
