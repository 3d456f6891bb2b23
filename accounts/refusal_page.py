"""The page that says why a password was not looked at, and what to do: status 429."""

from __future__ import annotations

import math
from functools import lru_cache

from django.conf import settings
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from accounts import waiting_turn
from accounts.hashing import RETRY_SECONDS
from accounts.mail import is_mail_configured
from accounts.sign_in_limits import SignInRefused
from cabinets.plurals import plural


def refused_page(refusal: SignInRefused) -> HttpResponse:
    """Return the page for an attempt over a limit; the browser keeps its turn."""
    response = _page(refusal.limit.value, refusal.wait, has_turn=refusal.turn is not None)
    if refusal.turn:
        waiting_turn.keep(response, refusal.turn)
    return response


def busy_page() -> HttpResponse:
    """Return the page for a moment at which every hashing slot is taken."""
    return _page("busy", RETRY_SECONDS)


def _page(reason: str, wait: int, *, has_turn: bool = False) -> HttpResponse:
    html = _html(reason, in_words(wait), has_turn, is_mail_configured(), settings.SUPPORT_EMAIL)
    response = HttpResponse(html, status=429)
    response.headers["Retry-After"] = str(wait)
    add_never_cache_headers(response)
    return response


@lru_cache(maxsize=500)
def _html(reason: str, duration: str, has_turn: bool, sends_mail: bool, support: str) -> str:
    """Render the page, once: a flood of guesses must cost little. Its link leads to its own URL.

    ``support`` is part of the page.
    """
    context = {"reason": reason, "duration": duration, "has_turn": has_turn}
    return render_to_string("lockout.html", context | {"sends_mail": sends_mail})


def in_words(seconds: int) -> str:
    """Return the duration for «через …»: seconds up to a minute, then whole minutes."""
    if seconds < 60:
        words = plural(seconds, _("%d секунду"), _("%d секунды"), _("%d секунд"))
        return words % seconds
    minutes = math.ceil(seconds / 60)
    return plural(minutes, _("%d минуту"), _("%d минуты"), _("%d минут")) % minutes
