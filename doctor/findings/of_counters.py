"""Checks of counters: right, settings, goals, since when, last sendings, what waits, proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.models import Delivery
from calls.queries.blockers import Blocker, named_blockers_of
from calls.queries.expiry_warnings import ExpiryWarning, expiry_warnings
from calls.queries.flow import failing_counters
from calls.queries.stats import awaiting_decision, stuck_uploads
from calls.states import DisplayState
from counters.causes import lost_goal_of, stop_of
from counters.models import Counter
from counters.pages.status import NOT_SAVED, NOTHING_TO_SEND, OFF_SENTENCE, status_of_account
from doctor.findings.check import FAULT, FINE, NOTE, WARNING, Check, Cure
from doctor.findings.of_accounts import reconnect
from doctor.findings.of_proofs import checks_of_proofs

_ACCESS = gettext_lazy("Счетчик и право на отправку")
_SETTINGS = gettext_lazy("Настройки")
_GOAL = gettext_lazy("Цель")
_SINCE = gettext_lazy("Принимает звонки")
_SENT = gettext_lazy("Последняя отправка")
_UPLOADS = gettext_lazy("Последние выгрузки")
_WAITING = gettext_lazy("Очередь")
_DECISIONS = gettext_lazy("Ждут вашего решения")
_IN_TIME = gettext_lazy("Успевают ли звонки")
_TO_CALLS = gettext_lazy("К звонкам")
_TO_LATE = gettext_lazy("Ко всем опоздавшим")
_TO_SETTINGS = gettext_lazy("К настройкам")


@dataclass(frozen=True)
class _Facts:
    """What was read about all counters at once, by counter id."""

    failing: Mapping[int, bool]
    stuck: Mapping[int, int]
    undecided: Mapping[int, int]
    blockers: Mapping[int, Blocker]
    waiting: Mapping[int, tuple[int, datetime | None]]
    proofs: Mapping[int, Check]
    expiry: Mapping[int, ExpiryWarning]


def checks_of_counters(counters: Sequence[Counter], *, now: datetime) -> dict[int, list[Check]]:
    """Return the checks by counter id, in eleven queries. Load them with account and goal."""
    ids = [one.pk for one in counters]
    facts = _Facts(
        failing=failing_counters(ids),
        stuck=stuck_uploads(ids),
        undecided={pk: calls for pk, _name, calls in awaiting_decision(Q(pk__in=ids), now=now)},
        blockers=named_blockers_of(counters, now=now),
        waiting=_waiting_of(ids),
        proofs=checks_of_proofs(counters),
        expiry={one.counter_id: one for one in expiry_warnings(Q(pk__in=ids), now=now)},
    )
    return {one.pk: _checks(one, facts) for one in counters}


def _checks(counter: Counter, facts: _Facts) -> list[Check]:
    undecided = facts.undecided.get(counter.pk, 0)
    return [
        _access(counter),
        _settings(counter),
        _goal(counter),
        _since(counter),
        _sent(counter),
        _uploads(counter, facts.failing.get(counter.pk), facts.stuck.get(counter.pk, 0)),
        _queue(counter, facts),
        *([_decisions(counter, undecided)] if undecided else []),
        *([_in_time(counter, facts.expiry[counter.pk])] if counter.pk in facts.expiry else []),
        *([facts.proofs[counter.pk]] if counter.pk in facts.proofs else []),
    ]


def _access(counter: Counter) -> Check:
    of_account = status_of_account(counter.account)
    if of_account is not None:
        tone = FAULT if counter.enabled else NOTE
        return Check(_ACCESS, tone, of_account.sentence, reconnect(counter.account), "reconnect")
    cause = stop_of(counter)
    if cause is None:
        return Check(_ACCESS, FINE, _("Счетчик есть в Метрике, отправлять в него можно."))
    code = "counter_stopped" if counter.has_access else "right_lost"
    return Check(_ACCESS, FAULT, cause.sentence, _check_again(counter), code)


def _check_again(counter: Counter) -> Cure | None:
    if not counter.account.is_usable:
        return None
    if counter.has_access:
        url = reverse("counters:continue", args=[counter.pk])
    else:
        url = reverse("counters:check-access", args=[counter.account_id])
    return Cure(url, _("Проверить и продолжить"), is_post=True)


def _settings(counter: Counter) -> Check:
    to_settings = Cure(_settings_url(counter), _TO_SETTINGS)
    if counter.configured_at is None:
        return Check(_SETTINGS, WARNING, NOT_SAVED.sentence, to_settings, "not_configured")
    if not counter.enabled:
        switch = reverse("counters:switch", args=[counter.pk])
        turn_on = Cure(switch, _("Включить"), is_post=True, fields=(("enabled", "1"),))
        return Check(_SETTINGS, NOTE, _joined(_("Счетчик выключен."), OFF_SENTENCE), turn_on)
    if not counter.send_calls and counter.goal is None:
        return Check(_SETTINGS, NOTE, NOTHING_TO_SEND.sentence, to_settings)
    return Check(_SETTINGS, FINE, _("Сохранены, отправка включена."))


def _goal(counter: Counter) -> Check:
    if counter.goal is None:
        text = _("Не выбрана: достижения цели не отправляются, звонки — по настройке.")
        return Check(_GOAL, NOTE, text, Cure(_settings_url(counter), _TO_SETTINGS))
    cause = lost_goal_of(counter)
    if cause is not None:
        cure = Cure(_settings_url(counter), _TO_SETTINGS)
        return Check(_GOAL, WARNING, cause.sentence, cure, "goal_gone")
    text = _("«%(name)s» есть в Метрике, условие — событие %(identifier)s. Проверена %(at)s.")
    at = counter.goals_refreshed_at
    return Check(
        _GOAL,
        FINE,
        text
        % {
            "name": counter.goal.name,
            "identifier": counter.goal.identifier,
            "at": _moment(at) if at else "—",
        },
    )


def _since(counter: Counter) -> Check:
    since = counter.accepts_from
    if since is None:
        return Check(_SINCE, FINE, _("Без ограничения по времени."))
    text = _("С %(at)s. Более ранние звонки отправляются только по вашей команде.")
    return Check(_SINCE, FINE, text % {"at": _moment(since)})


def _sent(counter: Counter) -> Check:
    if counter.last_synced_at is None:
        return Check(_SENT, NOTE, _("Метрика ещё не получала звонков этого счетчика."))
    text = _("Метрика приняла выгрузку %(at)s.") % {"at": _moment(counter.last_synced_at)}
    return Check(_SENT, FINE, text)


def _uploads(counter: Counter, is_for_person: bool | None, stuck: int) -> Check:
    if stuck:
        text = _("Выгрузок, которые требуют внимания: %(count)d. Решите, что с ними делать.")
        tone = WARNING if is_for_person is None else FAULT
        cure = Cure(_calls_url(counter, DisplayState.NEEDS_ATTENTION), _TO_CALLS)
        return Check(_UPLOADS, tone, text % {"count": stuck}, cure)
    if is_for_person is not None:
        text = _("Последние выгрузки пока не проходят: мы повторяем их сами.")
        cure = Cure(_calls_url(counter, DisplayState.BATCHED), _TO_CALLS)
        return Check(_UPLOADS, WARNING, text, cure)
    return Check(_UPLOADS, FINE, _("Ошибок нет."))


def _queue(counter: Counter, facts: _Facts) -> Check:
    count, expires = facts.waiting.get(counter.pk, (0, None))
    if not count:
        return Check(_WAITING, FINE, _("Очередь пуста."))
    text = _("Ждут отправки: %(count)d.") % {"count": count}
    blocker = facts.blockers[counter.pk].sentence
    if not blocker:
        return Check(_WAITING, FINE, text)
    if expires:
        until = _("Первый из них опоздает %(at)s.") % {"at": _moment(expires)}
        blocker = _joined(blocker, until)
    cure = Cure(_calls_url(counter, DisplayState.WAITING), _TO_CALLS)
    return Check(_WAITING, WARNING, _joined(text, blocker), cure)


def _decisions(counter: Counter, count: int) -> Check:
    text = _("Звонков, о которых нужно решить, отправлять ли их: %(count)d.")
    cure = Cure(_calls_url(counter, DisplayState.NEEDS_DECISION), _TO_CALLS)
    return Check(_DECISIONS, WARNING, text % {"count": count}, cure)


def _in_time(counter: Counter, warning: ExpiryWarning) -> Check:
    """Return the warnings that the pages of the cabinet and of the counter show, word for word."""
    url = _calls_url(counter, DisplayState.EXPIRED)
    all_calls = reverse("calls:history", args=[counter.pk])
    cure = Cure(all_calls, _TO_CALLS) if warning.in_a_week else Cure(url, _TO_LATE)
    code = "expiring_week" if warning.in_a_week else "expired"
    return Check(_IN_TIME, WARNING, " ".join(warning.sentences), cure, code)


def _waiting_of(ids: Sequence[int]) -> dict[int, tuple[int, datetime | None]]:
    waiting = Delivery.objects.waiting().filter(counter__in=ids).order_by()
    rows = waiting.values_list("counter_id").annotate(Count("call_id"), Min("expires_at"))
    return {pk: (count, expires) for pk, count, expires in rows}


def _joined(*sentences: str | Promise) -> str:
    return " ".join(map(str, sentences))


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j E Y, H:i")


def _settings_url(counter: Counter) -> str:
    return reverse("counters:settings", args=[counter.pk])


def _calls_url(counter: Counter, state: DisplayState) -> str:
    return f"{reverse('calls:history', args=[counter.pk])}?q=&state={state.value}"
