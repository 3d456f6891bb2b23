"""The address of CallKeeper's support, SUPPORT_EMAIL, inside sentences that name support."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.functional import Promise, lazy
from django.utils.text import format_lazy

#: Read when it is shown, so that a sentence may be defined before the settings are.
_ADDRESS = lazy(lambda: settings.SUPPORT_EMAIL, str)()


def with_support(text: Any) -> Promise:
    """Return the text with `{support}` replaced by the address, lazily."""
    return format_lazy(text, support=_ADDRESS)
