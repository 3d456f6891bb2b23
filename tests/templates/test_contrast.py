"""Contrast of text and controls with their background (WCAG 2.2)."""

from __future__ import annotations

import re

import pytest

from tests.paths import ROOT

CSS = ROOT / "static" / "css"
COLOURS = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", (CSS / "base.css").read_text("utf-8")))
#: https://www.w3.org/TR/WCAG22/#contrast-minimum and #non-text-contrast
TEXT, CONTROLS = 4.5, 3.0


def luminance(colour: str) -> float:
    red, green, blue = (linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("ground", ["surface", "ground", "field"])
@pytest.mark.parametrize(
    ("name", "least"),
    [("ink", TEXT), ("ink-soft", TEXT), ("primary-deep", TEXT), ("line-control", CONTROLS)],
)
def test_text_and_controls_have_enough_contrast(name: str, ground: str, least: float) -> None:
    assert contrast(COLOURS[name], COLOURS[ground]) >= least


@pytest.mark.parametrize("tone", ["success", "warning", "danger", "neutral"])
def test_badge_text_has_enough_contrast(tone: str) -> None:
    assert contrast(COLOURS[tone], COLOURS[f"{tone}-pale"]) >= TEXT
