"""Quotation marks of the language in force."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _


def quoted(text: str | Promise) -> str:
    """Return the text in quotation marks: «…» in Russian."""
    return _("«%(text)s»") % {"text": text}
