"""Violations of accessibility rules in a page, found by axe-core (https://github.com/dequelabs/axe-core).

All of its rules: WCAG 2.2 A and AA, and its best practices.
"""

from __future__ import annotations

from playwright.sync_api import Page

from devtools.tools.vendor_static import AXE, TEST_VENDOR

_SCRIPT = TEST_VENDOR / AXE.folder / "axe.min.js"
_RUN = """async (rules) => {
  const chosen = rules.length ? {runOnly: {type: "rule", values: rules}} : {};
  const {violations} = await axe.run(document, {resultTypes: ["violations"], ...chosen});
  return violations.flatMap(({id, nodes}) => nodes.map((node) => {
    const [check] = [...node.any, ...node.all, ...node.none];
    return `${id}: ${node.target.join(" ")} ${check ? check.message : ""}`;
  }));
}"""
_THEME = "theme => { document.documentElement.dataset.theme = theme; }"
#: The only rule whose result depends on the theme.
_OF_THEME = ["color-contrast"]


def violations(page: Page, theme: str, *rules: str) -> list[str]:
    """Return the violations of the rules, by default of all, in the page as it is now."""
    page.wait_for_load_state()
    if not page.evaluate("'axe' in window"):
        page.evaluate(_SCRIPT.read_text("utf-8"))
    page.evaluate(_THEME, theme)
    found: list[str] = page.evaluate(_RUN, list(rules))
    width = page.evaluate("window.innerWidth")
    return [f"{theme}, {width} px: {text}" for text in found]


def violations_in_both_themes(page: Page) -> list[str]:
    """Return the violations of all rules in the light theme, and of the colours in the dark one.

    The browser has to prefer reduced motion: colours that are changing have other contrasts.
    """
    return [*violations(page, "dark", *_OF_THEME), *violations(page, "light")]
