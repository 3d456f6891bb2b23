"""One line of the check: what was looked at, whether it is right, and what puts it right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise

FINE, NOTE, WARNING, FAULT = "success", "info", "warning", "danger"
#: From the best to the worst.
TONES = (FINE, NOTE, WARNING, FAULT)
#: The label of a button that repairs at once, and of a link to where it is repaired.
REPAIR = _("Починить")


@dataclass(frozen=True)
class Cure:
    """A button: a link, or with ``is_post`` a form; ``fields`` are its values."""

    url: str
    label: Words = REPAIR
    is_post: bool = False
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Check:
    """``title`` is what was looked at; ``text`` what was found, and the next step."""

    title: Words
    tone: str
    text: Words
    cure: Cure | None = None
    #: Names a help page; '' for none.
    help_code: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether something has to be done about it."""
        return self.tone in (WARNING, FAULT)


def worst_tone(checks: Iterable[Check]) -> str:
    """Return the worst tone of the checks; that of a right one without any."""
    return max((one.tone for one in checks), key=TONES.index, default=FINE)
