"""Names of browsers and systems, from the header User-Agent."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

#: The first part that is found decides: most browsers name the ones before them as well.
BROWSERS = (
    ("YaBrowser", "Яндекс Браузер"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """Return such as «Chrome, Windows»; a sentence for a browser that is not known."""
    names = [_first(user_agent, BROWSERS), _first(user_agent, SYSTEMS)]
    return ", ".join(filter(None, names)) or _("Неизвестный браузер")


def _first(text: str, known: Sequence[tuple[str, str]]) -> str:
    return next((name for part, name in known if part in text), "")
