"""The language and the time zone in which a message to a person is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.utils import timezone, translation

from accounts.preferences import preference_of, zone_of
from notices.models import NoticeMessage


@contextmanager
def as_read_by_receiver(message: NoticeMessage) -> Iterator[None]:
    """Activate the language and the zone of the message's reader; a webhook has the cabinet's."""
    language, zone = settings.LANGUAGE_CODE, message.cabinet.zone
    if message.user is not None:
        language = preference_of(message.user).language
        zone = zone_of(message.user) or zone
    with translation.override(language), timezone.override(zone):
        yield
