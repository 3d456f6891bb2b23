"""A person's language, theme and time zone: read by each request, changed by the person."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.http import HttpRequest
from django.utils import translation

from accounts.models import Preference
from cabinets.audit import log_change

#: The cookie of the last language chosen in this browser, for pages before the sign-in.
LANGUAGE_COOKIE = "language"
YEAR = 365 * 24 * 3600
FIELDS = ("language", "theme", "time_zone")


def preference_of(user: User | AnonymousUser | None) -> Preference:
    """Return the person's preferences; the defaults, not stored, when there are none."""
    stored = getattr(user, "preference", None)
    return stored if isinstance(stored, Preference) else Preference()


def language_of(request: HttpRequest) -> str:
    """Return the code of the language of a page: the person's, else the browser's last choice."""
    if request.user.is_authenticated:
        return str(preference_of(request.user).language)  # the default is an enum member
    chosen = request.COOKIES.get(LANGUAGE_COOKIE, "")
    is_known = chosen in Preference.Language.values
    return chosen if is_known else Preference.Language.RUSSIAN.value


def in_language_of(user: User) -> translation.override:
    """Return a context of the language that the person has stored; of that in force if none."""
    stored = getattr(user, "preference", None)
    return translation.override(stored.language if stored else translation.get_language())


def zone_of(user: User | AnonymousUser) -> zoneinfo.ZoneInfo | None:
    """Return the time zone that the person chose; None for that of the cabinet."""
    name = preference_of(user).time_zone
    return zoneinfo.ZoneInfo(name) if name else None


@transaction.atomic
def change_preferences(user: User, values: dict[str, Any]) -> Preference:
    """Store the values (of `FIELDS`), audited if they differ; return the row."""
    preference, _created = Preference.objects.select_for_update().get_or_create(user=user)
    before = {name: getattr(preference, name) for name in FIELDS}
    after = before | values
    changed = [name for name in FIELDS if after[name] != before[name]]
    for name in changed:
        setattr(preference, name, after[name])
    if changed:
        preference.save(update_fields=changed)
        log_change(
            cabinet=None,
            actor=user,
            action="user.preferences_changed",
            subject=user,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )
    return preference


def preference_context(request: HttpRequest) -> dict[str, Any]:
    """Template context of every page: `preference`, and the choices of the menu's switches."""
    return {
        # A page about an error may be shown before the person is known.
        "preference": preference_of(getattr(request, "user", None)),
        "themes": Preference.Theme.choices,
        "languages": Preference.Language.choices,
    }
