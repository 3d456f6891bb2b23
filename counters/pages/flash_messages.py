"""Messages shown above the next page after a change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cabinets.quotes import quoted
from cabinets.undo import undo_of_switch
from counters.causes import OF_STOP
from counters.lifecycle import AddResult
from counters.models import Counter
from counters.pages.status import OFF_SENTENCE
from counters.states import StopCause
from counters.sync.stopped import CheckResult

#: More names than this are counted, not listed.
MAX_LISTED = 5
_EXCLUDED = gettext_lazy(
    "Из ждавших не подходят под настройки и не отправляются: %(count)s. Если под другие настройки "
    "они подойдут, то уйдут."
)
CHECKED_LATELY = gettext_lazy("Только что проверяли. Повторите через несколько секунд.")


def notify_added(request: HttpRequest, result: AddResult) -> None:
    """Say which of the chosen counters were added, and why the others were not."""
    if result.added:
        count = len(result.added)
        text = ngettext("Добавлен %(count)d счетчик.", "Добавлено счетчиков: %(count)d.", count)
        advice = _(
            "Проверьте настройки и нажмите «Сохранить» — до этого ничего не отправляется, а "
            "звонки, которые начнутся с этой минуты, ждут."
        )
        messages.success(request, f"{text % {'count': count}} {advice}")
    for refused in result.refused[:MAX_LISTED]:
        text = _("Счетчик %(number)d не добавлен: %(reason)s.")
        messages.error(request, text % {"number": refused.number, "reason": refused.reason})
    if len(result.refused) > MAX_LISTED:
        rest = len(result.refused) - MAX_LISTED
        messages.error(request, _("Не добавлено ещё счетчиков: %(count)d.") % {"count": rest})


def notify_switched(request: HttpRequest, counter: Counter, *, enabled: bool) -> None:
    """Say what the switch means for waiting calls and for new ones; «Вернуть» turns it back.

    ``request`` is the one that turned it.
    """
    if enabled:
        text = _("Отправка в «%(name)s» включена.")
    else:
        text = _("Отправка в «%(name)s» выключена.") + f" {OFF_SENTENCE}"
    undo = undo_of_switch(counter.pk, request.path, enabled=enabled)
    messages.success(request, text % {"name": counter.name}, extra_tags=undo)


@dataclass(frozen=True)
class FirstSave:
    """Calls that had waited for the first save, and how many of them are sent now."""

    waited: int
    sent: int
    #: Whether the person chose to send them.
    is_chosen: bool
    #: How many calls wait for a person's decision, because their identifiers are unreadable.
    undecided: int = 0
    #: ``waited`` for people.
    waited_text: str = ""
    #: Whether these calls are decided in the background: how many of them are sent is not known.
    is_pending: bool = False


def undecided_sentence(count: int) -> str:
    """Return the sentence about calls that wait for a person's decision."""
    text = _("Ждут вашего решения, потому что их идентификатор не читается: %(count)d.")
    return text % {"count": count}


def finished_sentence(excluded: int, *, most: int) -> str:
    """Return that all calls are decided by new settings; of them ``excluded`` are not sent.

    Of more than ``most`` only that is known.
    """
    done = _("Звонки пересчитаны по новым настройкам.")
    if not excluded:
        return done
    limit = _("больше %(count)s") % {"count": number_format(most, force_grouping=True)}
    count = limit if excluded > most else str(excluded)
    return f"{done} {_EXCLUDED % {'count': count}}"


def notify_saved(
    request: HttpRequest, *, excluded: int, undecided: int = 0, told: Iterable[str] = ()
) -> None:
    """Say that the settings are saved, and which waiting calls are not sent with them.

    ``excluded`` no longer match them, ``undecided`` wait for a person. ``told``: further sentences.
    """
    messages.success(request, " ".join([_("Настройки сохранены."), *told]))
    if excluded:
        messages.warning(request, _EXCLUDED % {"count": excluded})
    if undecided:
        messages.warning(request, undecided_sentence(undecided))


def notify_restored(request: HttpRequest, *, excluded: int) -> None:
    """Say that former settings are saved again, and which waiting calls are not sent with them."""
    messages.success(request, _("Прежние настройки возвращены."))
    if excluded:
        messages.warning(request, _EXCLUDED % {"count": excluded})


def notify_first_save(request: HttpRequest, counter: Counter, result: FirstSave) -> None:
    """Say that the settings are saved, and what happened to the calls that waited for them."""
    words = [_("Настройки сохранены."), *_about_waiting_calls(counter, result)]
    messages.success(request, " ".join(words))


def _about_waiting_calls(counter: Counter, result: FirstSave) -> list[str]:
    if not result.waited:
        return []
    if not result.is_chosen:
        text = _(
            "Звонки, которые пришли до сохранения (%(count)s), не отправляются. Если передумаете, "
            "отправьте их отсюда: рядом со строкой «Счетчик принимает звонки с»."
        )
        return [text % {"count": result.waited_text or result.waited}]
    if result.is_pending:
        return []
    text = _("Из звонков, которые пришли до сохранения (%(count)d), отправим: %(sent)d.")
    if not counter.enabled:
        text = _(
            "Из звонков, которые пришли до сохранения (%(count)d), уйдут после включения "
            "счетчика: %(sent)d."
        )
    sentences = [text % {"count": result.waited, "sent": result.sent}]
    undecided = min(result.undecided, result.waited - result.sent)
    rest = result.waited - result.sent - undecided
    if rest:
        sentences.append(_("Не подходят под настройки: %(rest)d.") % {"rest": rest})
    if undecided:
        sentences.append(undecided_sentence(undecided))
    return sentences


def notify_access(request: HttpRequest, names: list[str]) -> None:
    """Say which counters the account still has no access to (``names``); empty: to all it has."""
    if not names:
        messages.success(request, _("Проверено: доступ ко всем счетчикам аккаунта есть."))
        return
    listed = ", ".join(quoted(name) for name in names[:MAX_LISTED])
    if len(names) > MAX_LISTED:
        listed += _(" и ещё %(count)d") % {"count": len(names) - MAX_LISTED}
    text = _("Проверено: доступа по-прежнему нет к счетчикам %(names)s.")
    messages.warning(request, text % {"names": listed})


def notify_running(request: HttpRequest, counter: Counter) -> None:
    """Say that there is nothing to check: the counter was let go on in the meantime."""
    text = _("Счетчик «%(name)s» не остановлен: звонки уходят как обычно.")
    messages.success(request, text % {"name": counter.name})


def notify_checked(request: HttpRequest, counter: Counter, result: CheckResult) -> None:
    """Say what the check of a stopped counter found. ``counter`` is as before the check."""
    if not result.continues:
        cause = OF_STOP[counter.stopped_cause]
        text = _("Проверено: причина осталась, целей в счетчике: %(total)s. %(sentence)s")
        total = "—" if result.goals_total is None else result.goals_total
        messages.warning(request, text % {"total": total, "sentence": cause.sentence})
    elif counter.stopped_cause == StopCause.GOALS_FULL:
        text = _("Проверено: место для целей есть. Звонки в «%(name)s» снова отправляются.")
        messages.success(request, text % {"name": counter.name})
    else:
        text = _(
            "Пробуем снова: если Метрика примет файл, звонки в «%(name)s» уйдут. Если откажет, "
            "остановим отправку и покажем причину."
        )
        messages.success(request, text % {"name": counter.name})
