"""A signed cookie in browsers in which a person has signed in: strangers' guesses do not stop them.

https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.core import signing
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

COOKIE, SALT = "ck_browser", "accounts.known_browser"
MAX_AGE = 365 * 24 * 3600
#: People of one browser; the one who signed in longest ago is dropped.
MAX_PEOPLE = 5


def browser_id(request: HttpRequest, user: User) -> str | None:
    """Return the random id of a browser in which the user has signed in, else None.

    A new password ends it, like the sessions.
    """
    for user_id, browser, mark in _entries(request):
        if user_id == user.pk and constant_time_compare(mark, _mark(user)):
            return str(browser)
    return None


@receiver(user_logged_in)
def note_sign_in(request: HttpRequest, user: User, **_details: Any) -> None:
    """Have the response remember the browser (`remember`)."""
    request.signed_in_user = user  # type: ignore[attr-defined]


def remember(request: HttpRequest, response: HttpResponse) -> None:
    """Set the cookie if this request signed a person in."""
    user: User | None = getattr(request, "signed_in_user", None)
    if user is None:
        return
    own = [user.pk, browser_id(request, user) or secrets.token_urlsafe(12), _mark(user)]
    others = [entry for entry in _entries(request) if entry[0] != user.pk]
    response.set_cookie(
        COOKIE,
        signing.dumps([own, *others][:MAX_PEOPLE], salt=SALT),
        max_age=MAX_AGE,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def _entries(request: HttpRequest) -> list[Any]:
    """Return [user id, browser id, mark] of each person in a cookie that we have signed."""
    try:
        return list(signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=MAX_AGE))
    except signing.BadSignature:
        return []


def _mark(user: User) -> str:
    return salted_hmac(SALT, user.password).hexdigest()[:20]
