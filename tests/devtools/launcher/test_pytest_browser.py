from __future__ import annotations

from playwright.sync_api import Page


def test_cyrillic_letters_have_a_width_of_their_own(page: Page) -> None:
    page.set_content("<span id='a'>Щ</span><span id='b'>г</span><span id='c'>і</span>")

    widths = [page.locator(f"#{name}").bounding_box() for name in "abc"]

    # Without a font every letter would be the same empty box.
    assert len({box["width"] for box in widths if box}) == 3
