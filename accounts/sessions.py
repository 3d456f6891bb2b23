"""The session engine: Django's database sessions in a table that knows whose they are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends import db
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import UserSession
from cabinets.client_address import client_address, limited_address

#: What is known of the sign-in, kept in the session's data.
SIGN_IN = "sign_in"


class SessionStore(db.SessionStore):
    """Copies the user and the sign-in from the session's data into columns.

    The name of the class is part of the signature of the data, so sessions of Django's own engine
    stay readable.
    """

    @classmethod
    def get_model_class(cls) -> type[UserSession]:
        """Return the model of this engine."""
        return UserSession

    def create_model_instance(self, data: dict[str, Any]) -> UserSession:
        """Return the row to be stored."""
        row = super().create_model_instance(data)
        assert isinstance(row, UserSession)
        sign_in = data.get(SIGN_IN, {})
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.started_at = datetime.fromisoformat(sign_in["at"]) if sign_in else None
        row.address = sign_in.get("address", "")
        row.browser = sign_in.get("browser", "")
        return row


@receiver(user_logged_in)
def note_sign_in(request: HttpRequest, user: User, **_details: Any) -> None:
    """Keep when, where and with what the person signed in; no address where it is the proxy's."""
    request.session.set_expiry(None)  # that of a passkey's attempt is short
    request.session[SIGN_IN] = {
        "at": timezone.now().isoformat(),
        "address": client_address(request) if limited_address(request) else "",
        "browser": request.META.get("HTTP_USER_AGENT", "")[:200],
    }


def live_sessions(user: User) -> QuerySet[UserSession]:
    """Return the sessions of the user that have not expired, the newest sign-in first."""
    rows = UserSession.objects.filter(user=user, expire_date__gt=timezone.now())
    return rows.order_by("-started_at", "session_key")


def end_sessions(user: User, *, but: str | None = None) -> int:
    """End every session of the user, except the one with the key ``but``; return how many.

    A request of such a session that runs meanwhile cannot store it again: Django updates a session
    only while its row is there.
    """
    rows = UserSession.objects.filter(user=user).exclude(session_key=but or "")
    return rows.delete()[0]
