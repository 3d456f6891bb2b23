"""Rules that concern several settings at once. The form, copying and restoring check them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from counters.models import Counter, Goal

#: A file of conversions is stored with the identifiers of both goals.
MAX_TARGETS = 255


def problems_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with the settings as a whole: the setting, and a sentence about it.

    ``values`` are by names of `Counter.SETTINGS`; a missing one (None) breaks no rule.
    """
    return dict(_problems(values))


def _problems_of_goals(goal: Goal | None, of_callbacks: Goal | None) -> Iterator[tuple[str, str]]:
    if of_callbacks is None:
        return
    if goal is None:
        yield "callback_goal", _("Сначала выберите цель в «Достижение цели».")
    elif len(goal.identifier) + len(of_callbacks.identifier) >= MAX_TARGETS:
        yield "callback_goal", _("Идентификаторы двух целей вместе слишком длинные.")


def _problems(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _problems_of_goals(values.get("goal"), values.get("callback_goal"))
    kind = values.get("call_kind")
    if values.get("site_mode") == Counter.SiteMode.LIST and values.get("site_hosts") == []:
        yield "site_hosts", _("Укажите хотя бы один сайт.")
    if values.get("tag_mode") == Counter.TagMode.MANUAL:
        text = _("Введите тег или выберите другой способ тегирования.")
        if kind != Counter.CallKind.INCOMING and values.get("manual_tag_callback") == "":
            yield "manual_tag_callback", text
        if kind != Counter.CallKind.CALLBACK and values.get("manual_tag_incoming") == "":
            yield "manual_tag_incoming", text
