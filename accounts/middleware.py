"""Answers refused passwords with 429 and a page; remembers browsers; names the actor of changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from accounts import known_browser
from accounts.acting import acting
from accounts.hashing import HashingBusy
from accounts.refusal_page import busy_page, refused_page
from accounts.sign_in_limits import SignInRefused


class AccountsMiddleware:
    """Covers every view, those of the admin too. Stands last, after the user is known."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting(f"{request.method} {request.path}"[:200], lambda: cast(User, request.user)):
            response = self.get_response(request)
        known_browser.remember(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the page of a refusal; None for any other exception."""
        if isinstance(error, SignInRefused):
            return refused_page(error)
        return busy_page() if isinstance(error, HashingBusy) else None
