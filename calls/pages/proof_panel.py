"""«Что Метрика сделала с каждым звонком»: the panel of a counter's history, and its two buttons."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cabinets.access import CabinetRequest, manage_required
from calls.models import LogRequest, LogState, UnknownLogRow
from calls.pages.proof_plan import plan_text
from calls.proof import orders
from calls.proof.days import RECENT_DAYS
from calls.proof.errors import sentence_of
from calls.proof.matching import ZONE_SHIFT
from calls.proof.unknown import mark_seen
from calls.queries.link_proofs import OF_RESULT
from calls.queries.link_totals import (
    COUNTED_DAYS,
    LinkTotals,
    UnknownRows,
    latest_requests,
    link_totals,
    unknown_by_counter,
)
from calls.states import LinkResult
from counters.models import Counter

#: Rows that are listed; their number is told above.
LISTED = 20


def panel_context(counter: Counter, *, can_manage: bool, now: datetime) -> dict[str, Any]:
    """Return the context of `calls/_proof.html`; empty where it is off and was never on."""
    requests = latest_requests(counter)
    if not (counter.link_proof or requests):
        return {}
    unknown = unknown_by_counter([counter.pk]).get(counter.pk)
    totals = link_totals(counter, now=now)
    return {
        "proof": {
            "is_on": counter.link_proof,
            "totals": totals,
            "figures": _figures(counter, totals),
            "period": _period_text(totals),
            "checked": _checked_text(totals),
            "recent_days": RECENT_DAYS,
            "plan": plan_text(counter, now=now),
            "requests": [_state_of(one) for one in requests],
            "is_being_read": any(one.is_open for one in requests),
            "unknown": unknown,
            "alarm": alarm_text(unknown) if unknown else "",
            "rows": _listed(counter) if unknown else [],
            "blocker": orders.blocker_of(counter, now=now) if can_manage else "",
            "can_manage": can_manage and counter.removed_at is None,
        }
    }


def alarm_text(rows: UnknownRows) -> str:
    """Return what was found and what it means."""
    text = _(
        "В Метрике под нашими загрузками есть строки, которых мы не отправляли: лишних повторов — "
        "%(doubled)s, чужих строк — %(foreign)s. Отчёты Метрики могут считать лишние звонки. "
        "Напишите в поддержку CallKeeper, %(support)s: номера загрузок и время строк видны в "
        "таблице."
    )
    return text % {
        "doubled": number_format(rows.doubled),
        "foreign": number_format(rows.foreign),
        "support": settings.SUPPORT_EMAIL,
    }


@require_POST
@manage_required
def order_proof(request: HttpRequest, counter_pk: int) -> HttpResponse:
    """Have the logs of the days read that are worth reading."""
    person = cast(CabinetRequest, request)
    counter = get_object_or_404(person.cabinet.counters.present(), pk=counter_pk)
    try:
        ordered = orders.order(counter, actor=person.user, now=timezone.now())
    except orders.CannotOrder as problem:
        messages.warning(request, str(problem.sentence))
    else:
        days = ", ".join(_days_of(one) for one in ordered)
        text = _("Заказываем у Метрики логи: %(days)s. Результат появится на этой странице.")
        others = plan_text(counter, now=timezone.now()) or _(
            "Это все дни, о звонках которых логи ещё могут сказать новое."
        )
        messages.success(request, f"{text % {'days': days}} {others}")
    return HttpResponseRedirect(_url(counter))


@require_POST
@manage_required
def see_unknown_rows(request: HttpRequest, counter_pk: int) -> HttpResponse:
    """Record that a person has seen the rows that were not sent by us."""
    person = cast(CabinetRequest, request)
    counter = get_object_or_404(person.cabinet.counters, pk=counter_pk)
    rows = request.POST.getlist("row")
    ids = [int(one) for one in rows if one.isascii() and one.isdigit() and len(one) < 19]
    if mark_seen(counter, ids, actor=person.user, now=timezone.now()):
        messages.success(request, _("Отмечено: вы видели эти строки."))
    else:
        messages.warning(request, _("Ничего не изменилось: эти строки уже отмечены."))
    return HttpResponseRedirect(_url(counter))


def _url(counter: Counter) -> str:
    return reverse("calls:history", args=[counter.pk]) + "#proof"


def _listed(counter: Counter) -> list[UnknownLogRow]:
    rows = UnknownLogRow.objects.filter(counter=counter, seen_at=None).select_related("upload")
    return list(rows.order_by("-pk")[:LISTED])


def _figures(counter: Counter, totals: LinkTotals) -> list[dict[str, Any]]:
    """Return what the logs say of the rows, each with the address of exactly these."""
    if totals.first_at is None or totals.last_at is None:
        return []
    days = {
        "from": timezone.localdate(totals.first_at).isoformat(),
        "to": timezone.localdate(totals.last_at).isoformat(),
    }
    found = (
        (_("Привязаны к визиту"), LinkResult.LINKED, totals.linked, totals.linked_calls),
        (_("В Метрике, без визита"), LinkResult.NO_VISIT, totals.no_visit, totals.no_visit_calls),
        (_("В логах Метрики нет"), LinkResult.ABSENT, totals.absent, totals.absent_calls),
    )
    return [
        {
            "title": title,
            "rows": rows,
            "calls": calls,
            "without": _without_identifier(totals, result),
            "url": f"{reverse('calls:list')}?"
            + urlencode({"counter": counter.pk, "link": OF_RESULT[result], **days}),
        }
        for title, result, rows, calls in found
    ]


def _without_identifier(totals: LinkTotals, result: LinkResult) -> str:
    """Return how many of the rows were never to be linked; '' for none."""
    parts = (
        (totals.unlinked.get(result, 0), _("непривязанных: %(rows)s")),
        (totals.static.get(result, 0), _("статических: %(rows)s")),
    )
    named = [text % {"rows": number_format(rows)} for rows, text in parts if rows]
    if not named:
        return ""
    text = _("из них без идентификатора, визит им не положен — %(parts)s")
    return text % {"parts": ", ".join(named)}


def _checked_text(totals: LinkTotals) -> str:
    """Return how many rows the logs were read for, and how many of them could be linked."""
    text = _("Проверено отправок: %(rows)s, из них могли привязаться: %(linkable)s.")
    words = {"rows": number_format(totals.count), "linkable": number_format(totals.linkable)}
    return text % words if totals.count else ""


def _period_text(totals: LinkTotals) -> str:
    """Return what is counted, and of which days."""
    if totals.first_at is None or totals.last_at is None:
        return ""
    first, last = (
        date_format(timezone.localdate(one), "j E") for one in (totals.first_at, totals.last_at)
    )
    if first == last:
        text = _(
            "Посчитаны звонки последних %(days)d дней, проверены из них звонки за %(day)s. Один "
            "звонок по одному каналу — одна отправка."
        )
        return text % {"days": COUNTED_DAYS, "day": first}
    text = _(
        "Посчитаны звонки последних %(days)d дней, проверены из них звонки с %(first)s по "
        "%(last)s. Один звонок по одному каналу — одна отправка."
    )
    return text % {"days": COUNTED_DAYS, "first": first, "last": last}


def _state_of(one: LogRequest) -> dict[str, Any]:
    total = 2 * len(one.parts)
    label = one.get_state_display()
    is_read = one.state in (LogState.READING, LogState.VISITS)
    return {
        "days": _days_of(one),
        "state": f"{label[:1].lower()}{label[1:]}",
        "is_open": one.is_open,
        "error": sentence_of(one.error),
        "zone_note": _zone_note(one),
        "next_at": one.next_at if one.is_open else None,
        "finished_at": one.finished_at,
        "done": one.parts_read if is_read else 0,
        "total": total if is_read else 0,
        "percent": 100 * one.parts_read // total if is_read and total else 0,
    }


def _zone_note(one: LogRequest) -> str:
    """Return that the logs have another time zone than the counter is known to have; else ''."""
    minutes = one.result.get(ZONE_SHIFT, 0) // 60
    if not minutes:
        return ""
    hours, rest = divmod(abs(minutes), 60)
    text = _(
        "Время в логах отличается от времени счетчика на %(shift)s: похоже, в Метрике сменили его "
        "часовой пояс. Строки сравнили с этой поправкой; новый пояс возьмём при обновлении списка "
        "счетчиков."
    )
    return text % {"shift": f"{'+' if minutes > 0 else '−'}{hours}:{rest:02d}"}


def _days_of(one: LogRequest) -> str:
    first, last = date_format(one.date1, "j E"), date_format(one.date2, "j E")
    return first if first == last else _("%(first)s — %(last)s") % {"first": first, "last": last}
