"""Contrast of text and controls with their background (WCAG 2.2)."""

from __future__ import annotations

import re

import pytest

from tests.paths import ROOT

CSS = ROOT / "static" / "css"
TOKEN = re.compile(r"--([a-z-]+): (?:light-dark\((#\w{6}), (#\w{6})\)|(#\w{6}));")
#: The colours of base.css by name: in the light theme, in the dark one.
COLOURS = {
    name: (light or both, dark or both)
    for name, light, dark, both in TOKEN.findall((CSS / "base.css").read_text("utf-8"))
}
THEMES = [0, 1]
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


def between(name: str, ground: str, theme: int) -> float:
    return contrast(COLOURS[name][theme], COLOURS[ground][theme])


@pytest.mark.parametrize("theme", THEMES, ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["surface", "ground", "field", "hover"])
def test_text_and_controls_have_enough_contrast(ground: str, theme: int) -> None:
    for name in ("ink", "ink-soft", "primary-deep", "success", "warning", "danger", "neutral"):
        assert between(name, ground, theme) >= TEXT, name
    for name in ("line-control", "primary", "switch-on", "danger-line"):
        assert between(name, ground, theme) >= CONTROLS, name


@pytest.mark.parametrize("theme", THEMES, ids=["light", "dark"])
def test_text_on_a_colour_has_enough_contrast(theme: int) -> None:
    pairs = [(tone, f"{tone}-pale") for tone in ("success", "warning", "danger", "neutral")]
    pairs += [("primary-deep", ground) for ground in ("primary-pale", "nav-here", "nav-hover")]
    pairs += [("ink", ground) for ground in ("success-pale", "warning-pale", "danger-pale")]
    solid = ("primary", "primary-hover", "danger-solid", "danger-hover", "bar", "hint")
    pairs += [("on-primary", ground) for ground in solid] + [("on-bar", "bar")]
    for name, ground in pairs:
        assert between(name, ground, theme) >= TEXT, (name, ground)


def test_colours_are_written_in_base_css_alone() -> None:
    """Any other place would have one theme only. Translucent white and black suit both."""
    colour = re.compile(r"(?<![\w%&])#[0-9a-fA-F]{3,8}\b(?=[^{]*;)")
    others = [file for file in sorted(CSS.glob("*.css")) if file.name != "base.css"]
    found = {file.name: colour.findall(file.read_text("utf-8")) for file in others}
    assert found == {file.name: [] for file in others}
