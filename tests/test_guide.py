"""docs/guide.md against the product: names of buttons and pages, pictures, links within it."""

from __future__ import annotations

import re

from devtools.tools.messages import messages_of_product
from tests.paths import ROOT

GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")


def joined(text: str) -> str:
    """Return the text with every run of white space as one space."""
    return " ".join(text.split())


def test_every_name_in_quotes_is_a_text_of_the_product() -> None:
    """A name with a value in it, `Отправить звонки: %(count)s`, stands there as «…: …»."""
    texts = {text for one in messages_of_product() for text in (one.text, one.plural)}
    known = {re.sub(r"%\(\w+\)\w", "…", joined(text)) for text in texts}

    named = set(re.findall("«([^«»]*)»", joined(GUIDE)))

    assert len(named) > 80
    assert named - known == set()


def test_every_link_to_a_heading_of_the_guide_leads_to_one() -> None:
    headings = re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}

    assert set(re.findall(r"\]\(#([^)]+)\)", GUIDE)) - anchors == set()


def test_the_pictures_are_those_of_the_folder_and_small() -> None:
    """They are made by devtools/tools/guide_pictures.py."""
    pictures = set((ROOT / "docs/images/guide").iterdir())

    named = {ROOT / "docs" / path for path in re.findall(r"!\[[^]]+\]\(([^)]+)\)", GUIDE)}

    assert named == pictures
    assert sum(path.stat().st_size for path in pictures) < 1_500_000
