"""Checks of counters whose links are proved by Metrika's logs: the last one, why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.models import LogRequest, LogState
from calls.proof.errors import sentence_of
from calls.queries.link_totals import unknown_rows
from counters.models import Counter
from doctor.findings.check import FAULT, FINE, NOTE, WARNING, Check, Cure

_PROOF = gettext_lazy("Проверка привязки")
_TO_PROOF = gettext_lazy("К проверке")


@dataclass
class _Requests:
    """The newest request for logs of a counter, and the newest that was read to its end."""

    newest: LogRequest | None = None
    read: LogRequest | None = None


def checks_of_proofs(counters: Sequence[Counter]) -> dict[int, Check]:
    """Return a check for each counter that is switched on for it, by its id; three queries."""
    ids = [one.pk for one in counters if one.link_proof]
    if not ids:
        return {}
    found = {pk: _Requests() for pk in ids}
    newest = LogRequest.objects.filter(counter__in=ids).order_by("counter", "-pk")
    for one in newest.distinct("counter"):
        found[one.counter_id].newest = one
    for one in newest.filter(state=LogState.DONE).distinct("counter"):
        found[one.counter_id].read = one
    unknown = {one.counter_id: one.doubled + one.foreign for one in unknown_rows(Q(pk__in=ids))}
    return {pk: _check(pk, requests, unknown.get(pk, 0)) for pk, requests in found.items()}


def _check(counter_id: int, requests: _Requests, unknown: int) -> Check:
    cure = Cure(reverse("calls:history", args=[counter_id]) + "#proof", _TO_PROOF)
    newest = requests.newest
    if unknown:
        text = _("В Метрике есть строки, которых мы не отправляли: %(count)d.") % {"count": unknown}
        return Check(_PROOF, FAULT, text, cure, "foreign_rows")
    if newest is None:
        text = _("Логи Метрики ещё не читали: первая проверка — ближайшей ночью.")
        return Check(_PROOF, NOTE, text, cure)
    text = " ".join(filter(None, [_state(newest), sentence_of(newest.error), _last(requests)]))
    if newest.state == LogState.FAILED or (newest.is_open and newest.error):
        return Check(_PROOF, WARNING, text, cure)
    return Check(_PROOF, FINE, text)


def _state(newest: LogRequest) -> str:
    if newest.state == LogState.FAILED:
        return _("Последнее чтение логов не удалось.")
    if newest.is_open and newest.error:
        text = _("Чтение логов стоит, следующая попытка %(at)s.")
        return text % {"at": _moment(newest.next_at)}
    return _("Читаем логи Метрики.") if newest.is_open else ""


def _last(requests: _Requests) -> str:
    read = requests.read
    if read is None or read.posted_at is None:
        return _("Успешных чтений ещё не было.")
    words = {"at": _moment(read.posted_at), "day": date_format(read.date2, "j E")}
    return _("Логи прочитаны по %(day)s, на %(at)s.") % words


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j E Y, H:i")
