"""Says that nothing is sent, and why: in Russian for customers and staff, in English for operators.

Customers read the stored halt; the others read the state, with its numbers and the next step.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from integrations.installation import guard
from integrations.installation.state import Kind, State, reaches_yandex
from integrations.models import Installation

AFTER_RESTORE = "manage.py after_restore"
ADOPT = "manage.py adopt_installation"
AS_COPY = f"{ADOPT} --as-copy"


def stored_reason(kind: str, halt_reason: str) -> str:
    """Return why nothing is sent by the columns of the row: a Halt, `copy`, or ''."""
    if kind == Installation.Kind.COPY:
        return str(kind) if reaches_yandex() else ""
    return halt_reason


def cabinet_sentence(reason: str) -> str:
    """Return what customers read for a reason of `stored_reason`; '' for none."""
    if not reason:
        return ""
    if reason == Installation.Kind.COPY:
        return _("Это копия кабинета для проверок: в Метрику из неё ничего не отправляется.")
    if reason == Installation.Halt.NO_MARK:
        text = _(
            "Отправка приостановлена из-за неполадки на нашей стороне. Новые звонки принимаются и "
            "ждут, ничего не теряется. Если это продолжается больше часа, напишите в поддержку: "
            "%(support)s."
        )
    else:
        text = _(
            "Отправка приостановлена, пока данные не сверены с Метрикой: иначе звонок мог бы уйти "
            "дважды. Новые звонки принимаются и ждут, ничего не теряется. Если это продолжается "
            "больше часа, напишите в поддержку: %(support)s."
        )
    return text % {"support": settings.SUPPORT_EMAIL}


def halt_notice() -> str:
    """Return what customers read now; '' while nothing is halted. One query."""
    row = guard.installation()
    return cabinet_sentence(stored_reason(row.kind, row.halt_reason))


def halt_context(_request: HttpRequest) -> dict[str, Any]:
    """Return the template context of the notices, each computed when a template shows it."""
    return {
        "halt_notice": SimpleLazyObject(halt_notice),
        "halt_words_of_staff": SimpleLazyObject(lambda: staff_words(guard.state())),
    }


def operator_words(state: State) -> str:
    """Return `ok`, or in English why nothing is sent and what to do."""
    if not state.is_halted:
        return "ok"
    match state.kind:
        case Kind.COPY:
            return (
                "this database is a copy, which sends nothing to Yandex. Next: set"
                " YANDEX_OAUTH_URL, YANDEX_LOGIN_URL and METRIKA_API_URL to a sandbox"
            )
        case Kind.NO_MARK:
            return (
                "sending is halted: the mark of the installation cannot be kept"
                f" ({_problems(state)}). Next: set INSTALLATION_FILE to a file that every process"
                " may write and that outlives it, or mend Redis; sending then goes on by itself"
            )
        case Kind.BEHIND:
            return (
                f"sending is halted: the database is behind what was sent ({_lag(state)})."
                f" Next: {AFTER_RESTORE}"
            )
        case _:
            return f"sending is halted: {_foreign(state)}. Next: {_next_of_foreign(state)}"


def staff_words(state: State) -> str:
    """Return in Russian why nothing is sent and what to do; '' while nothing is halted."""
    if not state.is_halted:
        return ""
    match state.kind:
        case Kind.COPY:
            return _(
                "Эта база — копия для проверок: к настоящему Яндексу из неё не уйдёт ни один "
                "запрос. Чтобы проверять отправку, задайте адреса песочницы."
            )
        case Kind.NO_MARK:
            text = _(
                "Отправка остановлена: негде хранить отметку об отправленном (%(problems)s). "
                "Задайте INSTALLATION_FILE или почините Redis, и отправка продолжится сама."
            )
            return text % {"problems": _problems(state)}
        case Kind.BEHIND:
            text = _(
                "Отправка остановлена: база отстала от отправленного, её восстановили из копии или "
                "переключились на отставшую реплику (%(lag)s). Звонки принимаются. Выполните "
                "%(command)s."
            )
            return text % {"lag": _lag(state), "command": AFTER_RESTORE}
        case _:
            text = _(
                "Отправка остановлена: база не от этой установки (%(facts)s). Звонки принимаются. "
                "Выполните: %(command)s."
            )
            return text % {"facts": _foreign(state), "command": _commands_of_foreign(state)}


def _lag(state: State) -> str:
    """Return the numbers of a database that is behind."""
    mark = state.mark
    if mark is None or mark.epoch <= state.row.epoch:
        return f"epoch {state.row.epoch}"
    sent = mark.at.isoformat(timespec="seconds")
    return f"epoch {state.row.epoch}, the mark of {sent} has {mark.epoch}"


def _problems(state: State) -> str:
    return "; ".join(one.problem for one in state.readings if one.problem) or "it is not written"


def _foreign(state: State) -> str:
    """Return which fact shows that the database belongs to another installation."""
    row = state.row
    for one in state.readings:
        if one.mark is not None and one.mark.uid != row.uid:
            return f"{one.place} has the mark of installation {one.mark.uid}, this one is {row.uid}"
    hosts = [row.public_host] if row.adopted_at else []
    hosts += [one.mark.public_host for one in state.readings if one.mark is not None]
    for host in hosts:
        if host != state.host:
            return f"it belongs to {host}, PUBLIC_URL has {state.host}"
    if state.mark is None:
        return f"no mark of it in {' or '.join(one.place for one in state.readings)}"
    return "it was found with the marks of another installation"


def _commands_of_foreign(state: State) -> str:
    """Return for staff what `_next_of_foreign` says."""
    moved = _("%(adopt)s, если только PUBLIC_URL стал другим, ") if state.may_be_adopted else ""
    text = _("%(restore)s, если это теперь рабочая база, %(copy)s, если это копия")
    return (moved + text) % {"adopt": ADOPT, "restore": AFTER_RESTORE, "copy": AS_COPY}


def _next_of_foreign(state: State) -> str:
    moved = f"{ADOPT} if only PUBLIC_URL has changed, " if state.may_be_adopted else ""
    return f"{moved}{AFTER_RESTORE} if this is to be production, {AS_COPY} if it is a copy"
