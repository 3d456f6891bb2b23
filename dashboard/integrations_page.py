"""Template context of /lk/integrations, in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, Count, ExpressionWrapper, Min, Q, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from cabinets.quotes import quoted
from calls.models import Upload
from calls.queries.expiry_warnings import ExpiryWarning, expiry_warnings
from calls.queries.stats import awaiting_decision
from calls.queries.unknown_files import unknown_files
from calls.reconciliation.run import disagreeing
from calls.states import Attention, DisplayState
from calls.ways.pull.troubles import troubles_of
from counters.causes import CounterCause, cause_of
from counters.models import Counter
from dashboard.integration_card import card_of
from dashboard.links import calls_url
from dashboard.notices import Notice, about_empty_fields, about_yandex
from integrations.models import YandexAccount
from integrations.tokens.account_state import Reason

State = YandexAccount.State
#: More counters with one cause share a notice.
MAX_LISTED = 3


def page_context(cabinet: Cabinet) -> dict[str, Any]:
    """Return the template's context (in a fixed number of queries)."""
    in_use = Q(counters__removed_at=None, counters__enabled=True)
    counted = cabinet.yandex_accounts.annotate(counters_in_use=Count("counters", filter=in_use))
    every: list[Any] = list(counted.order_by("login"))  # accounts, with `counters_in_use`
    accounts = [account for account in every if account.is_linked]
    disconnected = [account for account in every if not account.is_linked]
    return {
        "card": card_of(cabinet, accounts, now=timezone.now()),
        "needs_attention": [
            *about_yandex(),
            *(_about_account(account) for account in accounts if _needs_person(account)),
            *(
                _about_disconnected(account.login, account.counters_in_use)
                for account in disconnected
                if account.counters_in_use
            ),
            *_about_pulls(cabinet),
            *_about_counters(cabinet),
            *_about_uploads(cabinet),
            *_about_unknown_files(cabinet),
            *_about_decisions(cabinet),
            *_about_expiry(cabinet),
            *_about_differences(cabinet),
            *about_empty_fields(cabinet),
        ],
    }


def _needs_person(account: YandexAccount) -> bool:
    return (
        account.state == State.REAUTH_REQUIRED or account.state_reason == Reason.REFRESH_TOKEN_LOST
    )


def _about_account(account: YandexAccount) -> Notice:
    text = _("Аккаунт Яндекса %(login)s нужно переподключить: звонки ждут.")
    if account.is_usable and account.expires_at:
        text = _("Аккаунт Яндекса %(login)s нужно переподключить до %(date)s.")
    if account.state_reason == Reason.SCOPE_LOST:
        text = _(
            "Аккаунту Яндекса %(login)s не хватает прав на отправку: переподключите его и оставьте "
            "все разрешения. Звонки ждут."
        )
    if account.state_reason == Reason.COPY:
        text = _(
            "Доступ к аккаунту Яндекса %(login)s в этой копии кабинета удалён: звонки ждут. Чтобы "
            "проверить отправку, подключите аккаунт песочницы."
        )
    date = account.expires_at and date_format(timezone.localtime(account.expires_at), "j E Y")
    words = {"login": account.login, "date": date}
    return Notice(text % words, reverse("counters:list"), _("К аккаунтам"))


def _about_disconnected(login: str, counters: int) -> Notice:
    text = _(
        "Аккаунт Яндекса %(login)s отключён, а через него работают счетчики (%(counters)d): звонки "
        "в них ждут. Подключите его снова или выключите счетчики."
    )
    words = {"login": login, "counters": counters}
    return Notice(text % words, reverse("counters:list"), _("К аккаунтам"))


def _about_pulls(cabinet: Cabinet) -> list[Notice]:
    return [
        Notice(one.text, reverse("calls:source", args=[one.source_id]), _("К источнику"))
        for one in troubles_of(cabinet)
    ]


def _about_counters(cabinet: Cabinet) -> list[Notice]:
    """Return a notice for each counter that is stopped, or one for all with the same cause."""
    by_cause: dict[CounterCause, list[Counter]] = defaultdict(list)
    stopped = cabinet.counters.present().filter(enabled=True).held_up()
    for counter in stopped.select_related("goal", "callback_goal").order_by("name", "pk"):
        cause = cause_of(counter)
        if cause:
            by_cause[cause].append(counter)
    return [
        notice
        for cause, counters in by_cause.items()
        for notice in (
            [_about_counter(counter, cause) for counter in counters]
            if len(counters) <= MAX_LISTED
            else [_about_many_counters(counters, cause)]
        )
    ]


def _about_counter(counter: Counter, cause: CounterCause) -> Notice:
    text = _("Счетчик «%(name)s». %(sentence)s") % {
        "name": counter.name,
        "sentence": cause.sentence,
    }
    return Notice(text, reverse("counters:settings", args=[counter.pk]), _("К счетчику"))


def _about_many_counters(counters: list[Counter], cause: CounterCause) -> Notice:
    names = ", ".join(quoted(counter.name) for counter in counters[:MAX_LISTED])
    text = _("Счетчиков: %(count)d (%(names)s и другие). %(sentence)s")
    words = {"count": len(counters), "names": names, "sentence": cause.sentence}
    return Notice(text % words, reverse("counters:list"), _("К счетчикам"))


def _about_uploads(cabinet: Cabinet) -> list[Notice]:
    stuck = Upload.objects.needs_attention().filter(
        counter__cabinet=cabinet, counter__removed_at=None
    )
    is_doubled = ExpressionWrapper(Q(attention=Attention.DUPLICATE), BooleanField())
    by_counter = (
        stuck.annotate(is_doubled=is_doubled)
        .order_by("counter__name", "is_doubled")
        .values_list("counter_id", "counter__name", "is_doubled")
    )
    return [
        _about_uploads_of(
            counter_id, name, uploads=uploads, rows=rows, first=first, is_doubled=doubled
        )
        for counter_id, name, doubled, uploads, rows, first in by_counter.annotate(
            Count("pk"), Sum("rows"), Min("pk")
        )
    ]


def _about_uploads_of(
    counter_id: int, name: str, *, uploads: int, rows: int, first: int, is_doubled: bool
) -> Notice:
    """Return the notice; it leads to the upload when there is one, else to the calls of all."""
    text = _("«%(name)s»: требуют внимания выгрузки (%(uploads)d), звонков в них: %(rows)d.")
    if is_doubled:
        text = _(
            "«%(name)s»: в Метрике по две одинаковые выгрузки (%(uploads)d), звонков в них: "
            "%(rows)d. Они могли посчитаться дважды, и отменить это нельзя: Метрика не удаляет "
            "принятое. Поддержка (%(support)s) видит номера всех."
        )
    words = {"name": name, "uploads": uploads, "rows": rows, "support": settings.SUPPORT_EMAIL}
    return Notice(
        text % words,
        reverse("calls:upload", args=[first])
        if uploads == 1
        else calls_url(counter_id, state=DisplayState.NEEDS_ATTENTION),
        _("Посмотреть"),
    )


def _about_unknown_files(cabinet: Cabinet) -> list[Notice]:
    return [
        Notice(
            _("Счетчик «%(name)s». %(sentence)s")
            % {"name": one.counter_name, "sentence": one.sentence},
            reverse("calls:history", args=[one.counter_id]),
            _("К звонкам"),
        )
        for one in unknown_files(Q(cabinet=cabinet))
    ]


def _about_decisions(cabinet: Cabinet) -> list[Notice]:
    text = _(
        "«%(name)s»: звонков с идентификатором, который не читается: %(calls)d. Они ждут вашего "
        "решения или исправленной записи."
    )
    return [
        Notice(
            text % {"name": name, "calls": calls},
            calls_url(counter_id, state=DisplayState.NEEDS_DECISION),
            _("К звонкам"),
        )
        for counter_id, name, calls in awaiting_decision(Q(cabinet=cabinet), now=timezone.now())
    ]


def _about_expiry(cabinet: Cabinet) -> list[Notice]:
    return [
        Notice(
            f"{_('Счетчик')} {quoted(warning.counter_name)}. {' '.join(warning.sentences)}",
            _calls_of(warning),
            _("К звонкам"),
        )
        for warning in expiry_warnings(Q(cabinet=cabinet), now=timezone.now())
    ]


def _calls_of(warning: ExpiryWarning) -> str:
    """Return the history of the counter; only of expired calls when none is about to expire."""
    history = reverse("calls:history", args=[warning.counter_id])
    expired = calls_url(warning.counter_id, state=DisplayState.EXPIRED)
    return history if warning.in_a_week else expired


def _about_differences(cabinet: Cabinet) -> list[Notice]:
    text = _(
        "Сверка с Метрикой: в счетчике «%(name)s» есть расхождения (%(count)d). "
        "Поддержка (%(support)s) видит их и разберётся."
    )
    return [
        Notice(
            text
            % {
                "name": result.counter.name,
                "count": result.difference_count,
                "support": settings.SUPPORT_EMAIL,
            },
            reverse("calls:history", args=[result.counter_id]),
            _("К звонкам"),
        )
        for result in disagreeing(Q(counter__cabinet=cabinet, counter__removed_at=None))
    ]
