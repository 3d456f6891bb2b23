"""Links to the help pages. Every app may link to them; the pages are in the app `help`."""

from __future__ import annotations

from django.urls import reverse


def help_url(code: str) -> str:
    """Return the path of the page of a code or topic."""
    return reverse("help:page", args=[code])
