"""Why a link was not made: one reason, one status, one set of Russian sentences each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinets.support import with_support


class LinkFailure(StrEnum):
    """Every reason why an attempt ends without a link."""

    NOT_CONFIGURED = "not_configured"
    HALTED = "halted"
    TOO_MANY = "too_many"
    SIGNED_OUT = "signed_out"
    NOT_ALLOWED = "not_allowed"
    REPEATED_PARAMETERS = "repeated_parameters"
    STATE_MISSING = "state_missing"
    STATE_UNKNOWN = "state_unknown"
    STATE_EXPIRED = "state_expired"
    STATE_FOREIGN = "state_foreign"
    CANCELLED = "cancelled"
    CODE_MISSING = "code_missing"
    CODE_REFUSED = "code_refused"
    APPLICATION_REFUSED = "application_refused"
    YANDEX_REFUSED = "yandex_refused"
    YANDEX_SILENT = "yandex_silent"
    YANDEX_SLOW = "yandex_slow"
    FOREIGN_TOKEN = "foreign_token"
    SCOPES_MISSING = "scopes_missing"
    OTHER_ACCOUNT = "other_account"


class LinkFailed(Exception):
    """No link was made and nothing was stored; ``reason`` names the page to show."""

    def __init__(self, reason: LinkFailure) -> None:
        super().__init__(reason.value)
        self.reason = reason


class NextPage(NamedTuple):
    """The button under the message: a URL name and the label."""

    url_name: str
    label: Promise | str


AGAIN = NextPage("integrations:dashboard", _("Подключить ещё раз"))
LATER = NextPage("integrations:dashboard", _("Попробовать позже"))
SIGN_IN = NextPage("login", _("Войти"))


@dataclass(frozen=True)
class FailurePage:
    """The text of the page, and its HTTP status."""

    status: int
    title: Promise | str
    text: Promise | str
    next: NextPage = AGAIN


PAGES: dict[LinkFailure, FailurePage] = {
    LinkFailure.NOT_CONFIGURED: FailurePage(
        503,
        _("Интеграция не настроена на стороне сервиса"),
        with_support(
            _(
                "У сервиса пока нет ключей приложения Яндекса, поэтому подключить аккаунт нельзя."
                " Напишите в поддержку CallKeeper: {support}."
            )
        ),
        LATER,
    ),
    LinkFailure.HALTED: FailurePage(
        503,
        _("Подключение временно закрыто"),
        with_support(
            _(
                "Обмен данными с Яндексом приостановлен на нашей стороне, поддержка ({support}) об"
                " этом знает. Подключённые аккаунты не затронуты, звонки принимаются и ждут."
            )
        ),
        LATER,
    ),
    LinkFailure.TOO_MANY: FailurePage(
        429,
        _("Слишком много попыток"),
        _("За последние десять минут было слишком много попыток подключения. Подождите немного."),
        LATER,
    ),
    LinkFailure.SIGNED_OUT: FailurePage(
        403,
        _("Вы вышли из кабинета"),
        _(
            "Пока вы были на странице Яндекса, сеанс в кабинете закончился. Войдите и подключите"
            " аккаунт заново."
        ),
        SIGN_IN,
    ),
    LinkFailure.NOT_ALLOWED: FailurePage(
        403,
        _("Подключать аккаунты вам нельзя"),
        _("Это может владелец кабинета или управляющий. Попросите кого-нибудь из них."),
        NextPage("integrations:dashboard", _("К интеграциям")),
    ),
    LinkFailure.REPEATED_PARAMETERS: FailurePage(
        400,
        _("Ответ Яндекса искажён"),
        _("В адресе возврата параметры повторяются. Такой ответ мы не принимаем."),
    ),
    LinkFailure.STATE_MISSING: FailurePage(
        400,
        _("Неполный ответ Яндекса"),
        _("В адресе возврата нет метки попытки. Начните подключение из кабинета."),
    ),
    LinkFailure.STATE_UNKNOWN: FailurePage(
        400,
        _("Ссылка недействительна или уже использована"),
        _(
            "Каждый ответ Яндекса принимается один раз и только на начатую здесь попытку. Так"
            " бывает, если обновить страницу или вернуться назад. Если аккаунт ещё не подключён,"
            " начните заново."
        ),
    ),
    LinkFailure.STATE_EXPIRED: FailurePage(
        400,
        _("Время на подключение вышло"),
        _("С начала подключения прошло больше десяти минут. Начните заново."),
    ),
    LinkFailure.STATE_FOREIGN: FailurePage(
        400,
        _("Подключение начато в другом сеансе"),
        _(
            "Его начал другой человек, другой кабинет или другой браузер. Закончите там же, где"
            " начали, или начните здесь заново."
        ),
    ),
    LinkFailure.CANCELLED: FailurePage(
        200,
        _("Подключение отменено"),
        _("Вы не дали доступ на странице Яндекса. Ничего не изменилось."),
    ),
    LinkFailure.CODE_MISSING: FailurePage(
        400,
        _("Яндекс не прислал код"),
        _("В ответе Яндекса нет ни кода, ни ошибки. Начните подключение заново."),
    ),
    LinkFailure.CODE_REFUSED: FailurePage(
        400,
        _("Код подтверждения не подошёл"),
        _("Код Яндекса уже использован или устарел. Начните подключение заново."),
    ),
    LinkFailure.APPLICATION_REFUSED: FailurePage(
        502,
        _("Яндекс не принимает наше приложение"),
        _(
            "Это неполадка на нашей стороне, мы уже о ней знаем. Ваши подключённые аккаунты"
            " не затронуты."
        ),
        LATER,
    ),
    LinkFailure.YANDEX_REFUSED: FailurePage(
        502,
        _("Яндекс отказал в подключении"),
        _("Яндекс вернул ошибку, которую мы не ждали. Попробуйте ещё раз."),
    ),
    LinkFailure.YANDEX_SILENT: FailurePage(
        503,
        _("Яндекс сейчас не отвечает"),
        _("Подключение не закончено. Подождите несколько минут и начните заново."),
    ),
    LinkFailure.YANDEX_SLOW: FailurePage(
        503,
        _("Яндекс отвечает медленно"),
        _(
            "Его ответа уже ждут другие. Подождите минуту и обновите эту страницу: подключение"
            " продолжится."
        ),
        LATER,
    ),
    LinkFailure.FOREIGN_TOKEN: FailurePage(
        400,
        _("Доступ выдан другому приложению"),
        _("Яндекс прислал доступ, выданный не CallKeeper. Мы его не сохранили."),
    ),
    LinkFailure.SCOPES_MISSING: FailurePage(
        403,
        _("Не хватает прав"),
        _(
            "Нужны оба права: видеть счетчики Метрики и передавать в неё звонки. Начните заново"
            " и не снимайте галочки на странице Яндекса."
        ),
    ),
    LinkFailure.OTHER_ACCOUNT: FailurePage(
        409,
        _("Выбран другой аккаунт"),
        _(
            "Вы переподключали один аккаунт Яндекса, а вошли в другой. Ничего не изменилось."
            " Переподключите и выберите на странице Яндекса тот же аккаунт."
        ),
        NextPage("counters:list", _("К списку аккаунтов")),
    ),
}
