"""Saves a counter's settings as a template of the cabinet, and deletes templates."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from cabinets import audit
from counters.models import Counter, SettingsTemplate
from counters.settings.copying import Origin
from counters.settings.diff import SettingChange, audited_diff
from counters.settings.parts import NOT_COPIED
from counters.settings.portable import portable

#: A page shows them all.
MAX_TEMPLATES = 50


class NameTaken(Exception):
    """The cabinet has a template of this name."""


class TooMany(Exception):
    """The cabinet has MAX_TEMPLATES templates."""


@transaction.atomic
def save_template(*, counter: Counter, name: str, actor: User, now: datetime) -> SettingsTemplate:
    """Keep the counter's settings under a name. Raises NameTaken, TooMany."""
    kept = [one for one in Counter.SETTINGS if one not in NOT_COPIED]
    if counter.cabinet.settings_templates.count() >= MAX_TEMPLATES:
        raise TooMany
    try:
        with transaction.atomic():
            template = SettingsTemplate.objects.create(
                cabinet=counter.cabinet,
                name=name,
                content=portable(counter, kept),
                created_at=now,
                created_by=actor,
            )
    except IntegrityError:
        raise NameTaken from None
    audit.log_change(
        cabinet=counter.cabinet,
        actor=actor,
        action="settings_template.saved",
        subject=template,
        after={"name": name, "counter": counter.name, "number": counter.number},
    )
    return template


@transaction.atomic
def delete_template(*, template: SettingsTemplate, actor: User) -> None:
    """Delete the template; counters that it was applied to keep their settings.

    Raises SettingsTemplate.DoesNotExist when another request has deleted it.
    """
    locked = SettingsTemplate.objects.select_for_update().get(pk=template.pk)
    audit.log_change(
        cabinet=locked.cabinet,
        actor=actor,
        action="settings_template.deleted",
        subject=locked,
        before={"name": locked.name, "settings": locked.content},
    )
    locked.delete()


def origin_of_template(template: SettingsTemplate) -> Origin:
    """Return the template as an origin of copying. It never changes, so it has one version."""
    return Origin(template.name, 1, template.content, is_template=True)


def words_of(template: SettingsTemplate) -> list[SettingChange]:
    """Return the template's settings in words, as ``wanted``."""
    return audited_diff({}, template.content)
