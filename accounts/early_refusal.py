"""Refuses guesses that are sure to be refused before the request costs anything else.

A flood of them shares the web server's threads with the calls that come in: a session, a form and a
round trip to Redis for each would slow those down.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts import known_browser
from accounts.hashing import HashingBusy, refuse_if_busy
from accounts.refusal_page import busy_page, refused_page
from accounts.sign_in_limits import SignInRefused, refuse_known_address

#: Forms beside those of the sign-in whose refusals are delayed.
SLOWED = (
    "password_reset",
    "password_change",
    "account_reauthenticate",
    "mfa_authenticate",
    "mfa_login_webauthn",
)
#: The name of the web server's hook, and by how much a refusal is delayed.
SEND_AFTER = "callkeeper.send_after"
SLOWED_SECONDS = 1.0


class EarlyRefusalMiddleware:
    """Answers 429 to attempts to sign in while no slot is free or the address is over its limit.

    Browsers that may be known go on: they have attempts and a slot of their own. Where the web
    server can (`callkeeper_metrika.web_server`), every refusal (of CSRF too) of a form that takes a
    login or a present password is sent SLOWED_SECONDS later: whoever guesses without a pause would
    else be answered thousands of times a second.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or request.path not in _slowed_paths():
            return self.get_response(request)
        response = self._answer(request)
        send_after = request.META.get(SEND_AFTER)
        if response.status_code >= 400 and send_after is not None:
            send_after(SLOWED_SECONDS)
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            if request.path in _sign_in_paths() and known_browser.COOKIE not in request.COOKIES:
                refuse_known_address(request, now=timezone.now().timestamp())
                refuse_if_busy()
        except SignInRefused as refusal:
            return refused_page(refusal)
        except HashingBusy:
            return busy_page()
        return self.get_response(request)


@cache
def _sign_in_paths() -> frozenset[str]:
    return frozenset({reverse("login"), reverse("admin:login")})


@cache
def _slowed_paths() -> frozenset[str]:
    return _sign_in_paths() | {reverse(name) for name in SLOWED}
