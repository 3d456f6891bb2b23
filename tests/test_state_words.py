"""One name for one state: the words on pages and in documents are those of calls.states."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calls.states import TONES, DeliveryState, DisplayState, UploadState
from tests.paths import ROOT

LABELS = {
    str(label) for enum in (DisplayState, UploadState, DeliveryState) for label in enum.labels
}
#: Where the product spells words for people.
PRODUCT = (
    "accounts",
    "cabinets",
    "calls",
    "counters",
    "dashboard",
    "integrations",
    "notices",
    "doctor",
    "help",
    "templates",
)


def product_files() -> list[Path]:
    found = [path for name in PRODUCT for path in (ROOT / name).rglob("*")]
    texts = [path for path in found if path.suffix in (".py", ".html")]
    return [one for one in texts if "migrations" not in one.parts and one.name != "states.py"]


def test_no_page_spells_the_name_of_a_state_itself() -> None:
    names = "|".join(map(re.escape, LABELS))
    quoted = re.compile(rf"""["'>]\s*({names})\s*["'<]""")

    spelled = [
        (str(path.relative_to(ROOT)), match[1])
        for path in product_files()
        for match in quoted.finditer(path.read_text())
    ]

    assert spelled == []


def test_every_display_state_has_a_tone_and_a_name_of_its_own() -> None:
    assert set(TONES) == set(DisplayState)
    assert len(set(DisplayState.labels)) == len(DisplayState)


@pytest.mark.parametrize("document", ["README.md", "docs/states.md"])
def test_documents_name_each_display_state_as_the_cabinet_does(document: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (ROOT / document).read_text(), re.MULTILINE)

    states = set(DisplayState.values)
    assert {code: name for code, name in rows if code in states} == {
        one.value: str(one.label) for one in DisplayState
    }
