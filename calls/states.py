"""The enums of delivery: channels, states, reasons. Imports no other module of the product."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import models
from django.utils.functional import Promise, lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

#: Fields of a record that name the site of a call, in order of preference.
SITE_FIELDS = ("site", "visitSite", "siteVisit", "host")

_SUPPORT = lazy(lambda: settings.SUPPORT_EMAIL, str)()


class Channel(models.IntegerChoices):
    """Where in Metrika a call is delivered to; each channel has a result of its own."""

    CALLS = 1, _("Звонки")
    GOAL = 2, _("Цель")


class IdKind(models.IntegerChoices):
    """Which identifier names the visitor to Metrika; the label is the CSV column."""

    CLIENT_ID = 1, "ClientId"
    YCLID = 2, "Yclid"
    USER_ID = 3, "UserId"


class CallKind(models.TextChoices):
    """How the call came about."""

    DYNAMIC = "dynamic", _("Динамический коллтрекинг")
    STATIC = "static", _("Статический коллтрекинг")
    CALLBACK = "callback", _("Обратный звонок")
    #: Call tracking of which the record says neither, and no identifier came.
    UNKNOWN = "unknown", _("Коллтрекинг, вид не указан")


class LinkResult(models.IntegerChoices):
    """What Metrika's logs say of a row that was sent."""

    LINKED = 1, _("Привязан к визиту")
    NO_VISIT = 2, _("В Метрике, без визита")
    #: The logs of its day were read three days after it was accepted, and it is not there.
    ABSENT = 3, _("В логах Метрики нет")


class HoldBack(models.IntegerChoices):
    """Why a call is not sent by itself, given when it is first stored."""

    #: Loaded from a file without sending. An ordinary record of the call ends it.
    LOADED = 1, _("Загружен без отправки")
    #: A person tries the way of a call; it is sent by an order for each counter, or never.
    TRIAL = 2, _("Пробный")


class DeliveryState(models.IntegerChoices):
    """The state of a ledger row itself; after `BATCHED` the state of its upload counts."""

    WAITING = 1, _("Ждёт отправки")
    SKIPPED = 2, _("Не отправляется")
    BATCHED = 3, _("В выгрузке")
    EXPIRED = 4, _("Опоздал")
    ROW_REFUSED = 6, _("Строка не принята")


class UploadState(models.TextChoices):
    """The state of an upload."""

    READY = "ready", _("Готова к отправке")
    LATER = "later", _("Будет повторена")
    SENDING = "sending", _("Отправляется")
    UNCLEAR = "unclear", _("Проверяем, дошла ли")
    SPLITTING = "splitting", _("Отклонена целиком, ищем строку")
    SENT = "sent", _("Отправлена, Метрика обрабатывает")
    PROCESSED = "processed", _("Обработана Метрикой")
    LINKAGE_FAILURE = "linkage_failure", _("Принята, визиты не найдены")
    NEEDS_ATTENTION = "needs_attention", _("Требует внимания")
    CANCELLED = "cancelled", _("Отменена до отправки")


#: States in which an upload waits for its next attempt to be sent.
TO_SEND = (UploadState.READY, UploadState.LATER)
#: States of a whole file that Metrika is not known to have.
ON_THE_WAY = (*TO_SEND, UploadState.SENDING, UploadState.UNCLEAR)
#: States of a file that is not known to be with Metrika, and may be.
MAY_HAVE_ARRIVED = (UploadState.SENDING, UploadState.UNCLEAR)
#: States in which a beat task still has something to do.
OPEN_UPLOADS = (*ON_THE_WAY, UploadState.SPLITTING, UploadState.SENT)
#: States in which Metrika has the file.
TAKEN_UPLOADS = (UploadState.SENT, UploadState.PROCESSED, UploadState.LINKAGE_FAILURE)
#: States in which Metrika has processed the file.
PROCESSED_UPLOADS = (UploadState.PROCESSED, UploadState.LINKAGE_FAILURE)


def sql_list(states: Iterable[UploadState]) -> str:
    """Return the states as a list for SQL, such as `('ready', 'later')`."""
    listed = ", ".join(f"'{state.value}'" for state in states)
    return f"({listed})"


class DisplayState(models.TextChoices):
    """The state that people see: the row's own, or that of its upload."""

    WAITING = "waiting", _("Ждёт отправки")
    HELD = "held", _("Отложен")
    AWAITS_SETTINGS = "awaits_settings", _("Ждёт настроек")
    AWAITS_GOAL = "awaits_goal", _("Ждёт другой цели")
    BATCHED = "batched", _("В очереди на отправку")
    UNCLEAR = "unclear", _("Проверяем, дошёл ли")
    SENT = "sent", _("Отправлен")
    ACCEPTED = "accepted", _("Принят, привязан")
    PARTLY_LINKED = "partly_linked", _("Принят, в файле привязаны не все")
    LINK_UNKNOWN = "link_unknown", _("Принят, привязка неизвестна")
    ACCEPTED_STATIC = "accepted_static", _("Принят, непривязанный")
    UNMATCHED = "unmatched", _("Принят, визит не найден")
    PARTLY_ACCEPTED = "partly_accepted", _("Приняты не все строки")
    ROW_REFUSED = "row_refused", _("Строка не принята")
    NOT_FINISHED = "not_finished", _("Ждёт итога")
    SKIPPED = "skipped", _("Не отправляется")
    EXPIRED = "expired", _("Опоздал")
    NEEDS_DECISION = "needs_decision", _("Ждёт вашего решения")
    NEEDS_ATTENTION = "needs_attention", _("Требует внимания")


#: States of a call that is not sent, at least for now.
NOT_SENT = (DisplayState.SKIPPED, DisplayState.NOT_FINISHED)

#: Codes of rules that other statements than the rule itself name.
NOT_CONFIGURED = "not_configured"
BEFORE_CONNECTION = "before_connection"
COUNTER_OFF = "counter_off"
CALL_NOT_FINISHED = "not_finished"
CALLS_OFF = "calls_off"
GOAL_NOT_SET = "goal_not_set"
GOAL_GONE = "goal_gone"
NO_IDENTIFIER = "no_identifier"
NOT_LAST_ATTEMPT = "not_last_attempt"
STATIC_NO_GOAL = "static_no_goal"
#: Calls with this reason wait for a person or for a corrected record.
IDENTIFIER_UNREADABLE = "identifier_unreadable"
UNLINKED_NO_GOAL = "unlinked_no_goal"
#: Calls that may be in a file of which the database does not know; they wait for a person.
MAYBE_SENT = "maybe_sent"
#: Calls of which a person decided that they are in such a file.
KEPT_AS_SENT = "kept_as_sent"
#: Calls that were stored without being sent: loaded only, or trial calls.
HELD_BACK = "held_back"
TRIAL_CALL = "trial_call"
#: Reasons of calls that were stored in this way; a person's order sends them.
OF_HELD_BACK = (HELD_BACK, TRIAL_CALL)
#: Calls with these reasons wait from the first: for settings that were never saved, for a goal that
#: was deleted in Metrika, as those do that came before it was deleted, and for a decision about an
#: unknown file.
WAIT_FOR_CHANGE = (NOT_CONFIGURED, GOAL_GONE, MAYBE_SENT)
#: Reasons of calls that go only by a person's order, after the counter was connected.
BY_ORDER_ONLY = (BEFORE_CONNECTION, NOT_CONFIGURED)

#: Colour of each display state.
TONES: dict[str, str] = {
    DisplayState.WAITING: "info",
    DisplayState.HELD: "info",
    DisplayState.AWAITS_SETTINGS: "warning",
    DisplayState.AWAITS_GOAL: "warning",
    DisplayState.BATCHED: "info",
    DisplayState.UNCLEAR: "warning",
    DisplayState.SENT: "progress",
    DisplayState.ACCEPTED: "success",
    DisplayState.PARTLY_LINKED: "info",
    DisplayState.LINK_UNKNOWN: "info",
    DisplayState.ACCEPTED_STATIC: "success",
    DisplayState.UNMATCHED: "neutral",
    DisplayState.PARTLY_ACCEPTED: "warning",
    DisplayState.ROW_REFUSED: "danger",
    DisplayState.NOT_FINISHED: "info",
    DisplayState.SKIPPED: "neutral",
    DisplayState.EXPIRED: "warning",
    DisplayState.NEEDS_DECISION: "warning",
    DisplayState.NEEDS_ATTENTION: "danger",
}


class Attention(models.TextChoices):
    """Why an upload waits for a person, or what is remarkable about its end.

    A member is its code (kept in `Upload.attention`), the sentence with the next step, and the
    label: a word or two.
    """

    sentence: str | Promise

    def __new__(cls, value: str, sentence: str | Promise = "") -> Attention:
        """Store the sentence with the code."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = format_lazy(sentence, support=_SUPPORT)  # type: ignore[arg-type]
        return member

    REJECTED = (
        "rejected",
        _(
            "Метрика отклонила файл, звонки не переданы. Напишите в поддержку ({support}): ответ "
            "Метрики сохранён."
        ),
        _("Метрика отклонила файл"),
    )
    DAMAGED = (
        "damaged",
        _(
            "Сохранённый файл отличается от собранного и не отправлен. Сообщите в поддержку "
            "CallKeeper: {support}."
        ),
        _("Файл выгрузки повреждён"),
    )
    UNKNOWN_FATE = (
        "unknown_fate",
        _(
            "Ответ Метрики потерян, и спросить её было нельзя до конца срока привязки. Звонки этой "
            "выгрузки могут быть в отчётах; повторно они не отправляются."
        ),
        _("Неизвестно, дошла ли"),
    )
    ROW_REFUSED = (
        "row_refused",
        _("Метрика приняла не все строки файла."),
        _("Приняты не все строки"),
    )
    QUANTITY = (
        "quantity",
        _(
            "Метрика насчитала в файле больше строк, чем мы отправили. Строки у неё; повторять их "
            "нельзя. Сообщите поддержке ({support}) номер выгрузки."
        ),
        _("Метрика насчитала больше строк, чем отправлено"),
    )
    NO_OUTCOME = (
        "no_outcome",
        _(
            "Метрика приняла файл, но за 21 день не сообщила, что с ним стало. Посмотрите звонки в "
            "отчётах Метрики; повторять отправку не стоит: звонки могут учесться дважды."
        ),
        _("Метрика не сообщила итог"),
    )
    DUPLICATE = (
        "duplicate",
        _(
            "В Метрике оказались две одинаковые выгрузки: звонки могли посчитаться дважды. "
            "Поддержка ({support}) видит номера обеих."
        ),
        _("В Метрике две такие выгрузки"),
    )
    OVERDUE = (
        "overdue",
        _("Метрика обрабатывает файл дольше двух суток. Файл у неё; мы продолжаем спрашивать."),
        _("Метрика обрабатывает дольше двух суток"),
    )
    COUNTER_REMOVED = (
        "counter_removed",
        _("Счетчик удалён из кабинета до отправки звонка."),
        _("Счетчик удалён из кабинета"),
    )
    EXPIRED = (
        "expired",
        _("Со звонка прошёл 21 день: Метрика уже не привяжет его к визиту."),
        _("Прошёл 21 день со звонка"),
    )
    SPLIT = (
        "split",
        _(
            "Метрика отклонила файл целиком, и его разделили на части. На его странице сказано, "
            "сколько строк исключено и где остальные."
        ),
        _("Разделена: Метрика отклонила файл целиком"),
    )
    TOO_LARGE = (
        "too_large",
        _("Файл оказался слишком велик для Метрики. Его звонки отправлены меньшими файлами."),
        _("Файл слишком велик для Метрики"),
    )
    QUARANTINED = (
        "quarantined",
        _(
            "Сегодня Метрика отклонила слишком много файлов этого счетчика, поэтому поиск плохой "
            "строки остановлен: звонки не переданы. Повторите отправку завтра или напишите в "
            "поддержку: {support}."
        ),
        _("Слишком много отклонённых файлов за день"),
    )
    GOAL_GONE = (
        "goal_gone",
        _(
            "Цель не найдена: её больше нет в Метрике, поэтому файл не принят. Выберите другую "
            "цель в настройках счетчика — достижения уйдут с ней сами."
        ),
        _("Цель удалена в Метрике"),
    )
    GATHERED_ANEW = (
        "gathered_anew",
        _(
            "Пока файл ждал, для части его звонков прошёл 21 день. Остальные собраны в новую "
            "выгрузку."
        ),
        _("Собрана заново: часть звонков опоздала"),
    )
    SENT_BEFORE = (
        "sent_before",
        _(
            "База восстановлена из резервной копии, и звонки этого файла могли уйти в Метрику "
            "другими файлами. Он не отправлен; что стало с каждым звонком, сказано у звонка."
        ),
        _("Отменена: звонки могли уйти раньше"),
    )
    CALLED_OFF = (
        "called_off",
        _("Отправку отменил человек."),
        _("Отменена человеком"),
    )
