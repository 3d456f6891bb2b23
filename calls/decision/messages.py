"""Puts a refusal in words with what was compared: the call's own value, and what the counter takes.

The values come from `Rule.compared`, either as they were kept with the decision or as of now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.rules import SENTENCES
from calls.states import CallKind
from counters.hosts import readable_host
from counters.models import Counter

_NOT_OF_THE_SORT: dict[str, str | Promise] = {
    Counter.Uniqueness.UNIQUE: gettext_lazy("Звонок повторный"),
    Counter.Uniqueness.TARGET: gettext_lazy("Звонок нецелевой"),
    Counter.Uniqueness.UNIQUE_TARGET: gettext_lazy("Звонок не уникально-целевой"),
}
#: As people write what the files of Metrika call ClientId, Yclid and UserId.
_IDENTIFIERS = {"ClientId": "ClientID", "Yclid": "yclid", "UserId": "UserID"}
_ENDED: dict[str, str | Promise] = {
    "success": gettext_lazy("Звонок успешный"),
    "fail": gettext_lazy("Звонок неуспешный"),
}


def refusal(code: str, compared: Sequence[Any] | None) -> str:
    """Return the sentence of a reason, with the values if there are any.

    Raises KeyError for a code that is no reason.
    """
    said = WITH_VALUES[code](*compared) if compared and code in WITH_VALUES else ""
    return said or str(SENTENCES[code])


def _too_short(seconds: int, least: int) -> str:
    return _("Разговор длился %(seconds)d с, а в настройке «Длительность» — от %(least)d с.") % {
        "seconds": seconds,
        "least": least,
    }


def _status(ended: str, wanted: str) -> str:
    return _("%(call)s, а в настройке «Статус звонка» — «%(wanted)s».") % {
        "call": _ENDED.get(ended) or _("Итог звонка неизвестен"),
        "wanted": Counter.CallStatus(wanted).label,
    }


def _uniqueness(wanted: str) -> str:
    return _("%(call)s, а в настройке «Дополнительно» — «%(wanted)s».") % {
        "call": _NOT_OF_THE_SORT[wanted],
        "wanted": Counter.Uniqueness(wanted).label,
    }


def _call_type(kind: str, wanted: str, dynamic: bool, static: bool) -> str:
    taken = f"«{Counter.CallKind(wanted).label}»"
    kinds = _kinds(dynamic=dynamic, static=static)
    if wanted == Counter.CallKind.INCOMING and kinds:
        taken += f" ({kinds})"
    return _("Звонок: %(kind)s, а в настройке «Тип звонка» — %(taken)s.") % {
        "kind": str(CallKind(kind).label).lower(),
        "taken": taken,
    }


def _kinds(*, dynamic: bool, static: bool) -> str:
    taken = ((dynamic, CallKind.DYNAMIC), (static, CallKind.STATIC))
    return ", ".join(str(kind.label).lower() for is_taken, kind in taken if is_taken)


def _site(site: str, taken: list[str], count: int) -> str:
    if not site or not taken:
        return ""
    return _("Звонок с сайта %(site)s, а в настройке «Сайты» — %(taken)s.") % {
        "site": readable_host(site),
        "taken": _and_more([readable_host(one) for one in taken], count),
    }


def _campaign(campaign: str, taken: list[str], count: int) -> str:
    quoted = _and_more([f"«{one}»" for one in taken], count)
    if not campaign:
        return _("Кампания звонка неизвестна, а в настройке «Кампании» — %(taken)s.") % {
            "taken": quoted
        }
    return _("Кампания звонка — «%(campaign)s», а в настройке «Кампании» — %(taken)s.") % {
        "campaign": campaign,
        "taken": quoted,
    }


def _and_more(shown: Sequence[str], count: int) -> str:
    listed = ", ".join(shown)
    if count <= len(shown):
        return listed
    return _("%(listed)s и ещё %(more)d") % {"listed": listed, "more": count - len(shown)}


def _not_last_attempt(attempt: int | None) -> str:
    if attempt is None:
        return ""
    return _(
        "Это попытка %(attempt)d, и по этому заказу была следующая: отправляется только последняя."
    ) % {"attempt": attempt}


def _goal_gone(name: str) -> str:
    return _("Цели «%(name)s» больше нет в Метрике: выберите другую в настройках счетчика.") % {
        "name": name
    }


def _goal_unusable(identifier: str) -> str:
    return _(
        "В идентификаторе цели «%(identifier)s» есть знаки, которых Метрика в файле не принимает."
    ) % {"identifier": identifier}


def _no_identifier(*present: str) -> str:
    return _(
        "У звонка есть %(present)s, но в виде, которого Метрика не понимает: она не сможет связать "
        "его с визитом."
    ) % {"present": ", ".join(_IDENTIFIERS[one] for one in present)}


WITH_VALUES: dict[str, Callable[..., str]] = {
    "too_short": _too_short,
    "status": _status,
    "uniqueness": _uniqueness,
    "call_type": _call_type,
    "site": _site,
    "campaign": _campaign,
    "not_last_attempt": _not_last_attempt,
    "goal_gone": _goal_gone,
    "goal_unusable": _goal_unusable,
    "no_identifier": _no_identifier,
}
