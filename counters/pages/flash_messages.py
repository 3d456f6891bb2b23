"""Tells the person who changed something what came of it, above the next page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from counters.models import Counter
from counters.selection import Selection

#: More names than this are counted, not listed.
TOLD_NAMES = 5


def notify_selection(request: HttpRequest, chosen: Selection) -> None:
    """Tell which of the chosen counters were added, and why the others were not."""
    if chosen.added:
        count = len(chosen.added)
        text = ngettext("Добавлен %(count)d счетчик.", "Добавлено счетчиков: %(count)d.", count)
        advice = _("Проверьте настройки и нажмите «Сохранить» — до этого ничего не отправляется.")
        messages.success(request, f"{text % {'count': count}} {advice}")
    for refused in chosen.refused[:TOLD_NAMES]:
        text = _("Счетчик %(number)d не добавлен: %(reason)s.")
        messages.error(request, text % {"number": refused.number, "reason": refused.reason})
    if len(chosen.refused) > TOLD_NAMES:
        rest = len(chosen.refused) - TOLD_NAMES
        messages.error(request, _("Не добавлено ещё счетчиков: %(count)d.") % {"count": rest})


def notify_switched(request: HttpRequest, counter: Counter, *, enabled: bool) -> None:
    """Tell what a turn of the switch means for the calls that wait and those to come.

    The tag names the form of the switch in the list: pressed again, it takes the turn back.
    """
    if enabled:
        text = _("Отправка в «%(name)s» включена.")
    else:
        text = _(
            "Отправка в «%(name)s» выключена. Звонки, которые уже в очереди, подождут и уйдут "
            "после включения. Звонки, которые придут, пока счетчик выключен, отправлены не будут."
        )
    messages.success(request, text % {"name": counter.name}, extra_tags=f"turn-{counter.pk}")


def notify_saved(request: HttpRequest, *, set_aside: int) -> None:
    """Tell that the settings are saved, and how much that waited does not fit them."""
    messages.success(request, _("Настройки сохранены."))
    if set_aside:
        text = _(
            "Не подходят под новые настройки и не будут отправлены: %(count)d. Если вернуть "
            "настройки, вернутся и они."
        )
        messages.warning(request, text % {"count": set_aside})


def notify_access(request: HttpRequest, names: list[str]) -> None:
    """Tell which counters Metrika still does not let be written to; none when all may be."""
    if not names:
        messages.success(request, _("Проверено: доступ ко всем счетчикам аккаунта есть."))
        return
    listed = ", ".join(f"«{name}»" for name in names[:TOLD_NAMES])
    if len(names) > TOLD_NAMES:
        listed += _(" и ещё %(count)d") % {"count": len(names) - TOLD_NAMES}
    text = _("Проверено: доступа по-прежнему нет к счетчикам %(names)s.")
    messages.warning(request, text % {"names": listed})
