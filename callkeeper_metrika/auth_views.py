"""The sign-in page. A trial on one's own machine shows there how to sign in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LoginView


class SignIn(LoginView):
    """Django's own sign-in, with the words of a trial beside the form."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the page shows of a trial; nothing anywhere else."""
        return super().get_context_data(**kwargs) | {"demo_login": demo_login()}


def demo_login() -> dict[str, str] | None:
    """Return the parts of «login / password»; None where there is no such hint."""
    username, _slash, password = settings.DEMO_LOGIN_HINT.partition(" / ")
    return {"username": username, "password": password} if password else None
