"""Rules for templates and static files that the Content Security Policy relies on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devtools.tools.vendor_static import ICON_NAMES, ICONS, VENDOR
from tests.paths import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))
STYLES = sorted((ROOT / "static" / "css").glob("*.css"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_template_has_no_inline_style_or_script(path: Path) -> None:
    html = path.read_text(encoding="utf-8")

    found = re.findall(r"<style|\sstyle=|<script(?! src=)|\son[a-z]{3,}=|javascript:|hx-on", html)

    assert found == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_template_loads_nothing_from_other_hosts(path: Path) -> None:
    html = path.read_text(encoding="utf-8")

    assert re.findall(r"(?:src|action|<link [^>]*href)=\"(?:https?:)?//[^\"]*", html) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_template_uses_only_vendored_icons(path: Path) -> None:
    named = re.findall(r"(?:icon |picture=|symbol=)\"([a-z0-9-]+)\"", path.read_text("utf-8"))

    assert set(named) - set(ICON_NAMES) == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_every_post_form_has_a_csrf_token(path: Path) -> None:
    forms = re.findall(r"<form[^>]*method=\"post\".*?</form>", path.read_text("utf-8"), re.DOTALL)

    # A form with a large file has it in its address, to be checked before the body is read.
    tokens = ("{% csrf_token %}", "?token={{ csrf_token }}")
    assert [form for form in forms if not any(one in form for one in tokens)] == []


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES], ids=name_of)
def test_static_file_has_no_other_host_and_no_eval(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")

    assert re.findall(r"https?://|@import|\beval\(|new Function|\.style\.|innerHTML", text) == []


def test_sprite_holds_every_named_icon() -> None:
    sprite = (VENDOR / ICONS.folder / "sprite.svg").read_text(encoding="utf-8")

    assert re.findall(r'<symbol id="([a-z0-9-]+)"', sprite) == list(ICON_NAMES)


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_no_punctuation_follows_an_included_template(path: Path) -> None:
    """A file ends in a line break, which is shown as a space before the colon or full stop."""
    html = path.read_text(encoding="utf-8")

    assert re.findall(r"{% include [^%]*%}[.,:;!?)»]", html) == []
