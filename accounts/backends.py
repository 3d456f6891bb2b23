"""Loads the signed-in person together with their preferences, in one query."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


class PreferenceBackend(ModelBackend):
    """Django's backend of passwords; the person comes with the row of `accounts.Preference`."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **credentials: Any,
    ) -> User:
        """Return the person whose password it is. Raises PermissionDenied for a wrong one.

        Django asks no further backend then: the one of former sessions would hash once more.
        """
        user = super().authenticate(request, username, password, **credentials)
        if user is None:
            raise PermissionDenied("wrong login or password")
        return user

    def get_user(self, user_id: Any) -> User | None:
        """Return the active person; None when there is none (any more)."""
        user = User.objects.select_related("preference").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
