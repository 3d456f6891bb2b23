"""Parts of the settings that a person chooses to copy, each with its settings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from counters.models import Counter

#: The switch of a counter, reading its site's logs and writing to its charts say nothing of what
#: is sent: they are never copied.
NOT_COPIED = frozenset({"enabled", "link_proof", "chart_notes"})
_GOALS = ("goal", "callback_goal", "send_calls")
_DELAY = ("defer_value", "defer_unit", "hold_for_last_attempt", "hold_for_tags", "hold_hours")
_TAGS = ("tag_mode", "manual_tag_callback", "manual_tag_incoming")
_SCOPE = ("site_mode", "site_hosts", "with_subdomains", "campaigns")
_DATA = (
    *("price", "currency", "value_rules", "phone_mode", "identifier_order"),
    "unlinked_mode",
)
_REST = frozenset(Counter.SETTINGS) - NOT_COPIED - {*_GOALS, *_DELAY, *_TAGS, *_SCOPE, *_DATA}


@dataclass(frozen=True)
class Part:
    """A part of the settings window. ``by_default``: whether it is copied unless unticked."""

    key: str
    title: str | Promise
    names: Collection[str]
    by_default: bool = True


PARTS = (
    Part("goals", _("Достижение цели и отправка звонков"), _GOALS),
    # Every setting that no other part names: a new one is copied, too.
    Part("calls", _("Какие звонки отправлять"), _REST),
    Part("delay", _("Отложенная отправка"), _DELAY),
    Part("tags", _("Тегирование"), _TAGS),
    Part("data", _("Ценность, телефон, идентификаторы"), _DATA),
    # Calls of one site must not get into another's counter unless a person says so.
    Part("scope", _("Сайты и кампании"), _SCOPE, by_default=False),
)
DEFAULT_PARTS = tuple(part.key for part in PARTS if part.by_default)


def names_of(keys: Collection[str]) -> list[str]:
    """Return the settings of the parts, in the order of the settings window."""
    chosen = {name for part in PARTS if part.key in keys for name in part.names}
    return [name for name in Counter.SETTINGS if name in chosen]
