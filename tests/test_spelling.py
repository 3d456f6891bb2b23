"""One spelling of a word that CallKeeper's own screens write without «ё»."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.paths import ROOT

SHOWN = (
    "cabinets",
    "calls",
    "counters",
    "dashboard",
    "devtools",
    "integrations",
    "static",
    "templates",
)
#: The stand-in has words of its own: it is somebody else's.
APART = ROOT / "devtools" / "sandbox"
#: A label of CallKeeper's that is written so.
AS_IT_IS = "Счётчик принимает звонки с"
FILES = [
    path
    for folder in SHOWN
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".html", ".js") and APART not in path.parents
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_counter_is_spelled_as_in_callkeeper(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace(AS_IT_IS, "").lower()

    assert "счётчик" not in text
