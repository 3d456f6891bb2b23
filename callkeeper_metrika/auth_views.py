"""The sign-in page. With DEMO_LOGIN_HINT set (by `./run`) it shows the demo credentials."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LoginView


class SignIn(LoginView):
    """Django's sign-in page, with the demo credentials beside the form."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add `demo_login`, None without DEMO_LOGIN_HINT."""
        return super().get_context_data(**kwargs) | {"demo_login": demo_login()}


def demo_login() -> dict[str, str] | None:
    """Return both parts of DEMO_LOGIN_HINT, «login / password»; None when it is unset."""
    username, _slash, password = settings.DEMO_LOGIN_HINT.partition(" / ")
    return {"username": username, "password": password} if password else None
