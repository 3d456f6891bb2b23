"""The dictionary of delivery: channels, states, reasons. Imported by all, importing nobody."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.IntegerChoices):
    """Where a call is delivered to: two channels, two results."""

    CALLS = 1, _("Звонки")
    GOAL = 2, _("Цель")


class IdKind(models.IntegerChoices):
    """How Metrika is told who the visitor is; the label is the CSV column."""

    CLIENT_ID = 1, "ClientId"
    YCLID = 2, "Yclid"
    USER_ID = 3, "UserId"


class CallKind(models.TextChoices):
    """What sort of call it is."""

    DYNAMIC = "dynamic", _("Динамический коллтрекинг")
    STATIC = "static", _("Статический коллтрекинг")
    CALLBACK = "callback", _("Обратный звонок")


class DeliveryState(models.IntegerChoices):
    """What a ledger row itself says. What came after `BATCHED` is read from its upload."""

    WAITING = 1, _("Ждёт отправки")
    SKIPPED = 2, _("Не отправляется")
    BATCHED = 3, _("В выгрузке")
    EXPIRED = 4, _("Опоздал")
    NEEDS_ATTENTION = 5, _("Требует внимания")
    ROW_REFUSED = 6, _("Строка не принята")


class UploadState(models.TextChoices):
    """Where an upload stands."""

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


#: States in which a clock still has something to do.
OPEN_UPLOADS = (
    UploadState.READY,
    UploadState.LATER,
    UploadState.SENDING,
    UploadState.UNCLEAR,
    UploadState.SPLITTING,
    UploadState.SENT,
)
#: States in which Metrika has the file.
TAKEN_UPLOADS = (UploadState.SENT, UploadState.PROCESSED, UploadState.LINKAGE_FAILURE)


class DisplayState(models.TextChoices):
    """The state a person sees: the row's own, or what its upload tells."""

    WAITING = "waiting", _("Ждёт отправки")
    HELD = "held", _("Отложен")
    BATCHED = "batched", _("В очереди на отправку")
    UNCLEAR = "unclear", _("Проверяем, дошёл ли")
    SENT = "sent", _("Отправлен")
    ACCEPTED = "accepted", _("Принят Метрикой")
    UNMATCHED = "unmatched", _("Не привязан")
    ROW_REFUSED = "row_refused", _("Строка не принята")
    SKIPPED = "skipped", _("Не отправляется")
    EXPIRED = "expired", _("Опоздал")
    NEEDS_ATTENTION = "needs_attention", _("Требует внимания")


#: Colour of each shown state: one look for one meaning.
TONES: dict[str, str] = {
    DisplayState.WAITING: "info",
    DisplayState.HELD: "info",
    DisplayState.BATCHED: "info",
    DisplayState.UNCLEAR: "warning",
    DisplayState.SENT: "progress",
    DisplayState.ACCEPTED: "success",
    DisplayState.UNMATCHED: "neutral",
    DisplayState.ROW_REFUSED: "danger",
    DisplayState.SKIPPED: "neutral",
    DisplayState.EXPIRED: "warning",
    DisplayState.NEEDS_ATTENTION: "danger",
}


class Attention(models.TextChoices):
    """Why an upload waits for a person, or what is remarkable about its end."""

    REJECTED = "rejected", _("Метрика отклонила файл")
    DAMAGED = "damaged", _("Файл выгрузки повреждён")
    UNKNOWN_FATE = "unknown_fate", _("Неизвестно, дошла ли")
    ROW_REFUSED = "row_refused", _("Приняты не все строки")
    QUANTITY = "quantity", _("Метрика насчитала больше строк, чем отправлено")
    NO_OUTCOME = "no_outcome", _("Метрика не сообщила итог")
    DUPLICATE = "duplicate", _("В Метрике две такие выгрузки")
    OVERDUE = "overdue", _("Метрика обрабатывает дольше двух суток")
    COUNTER_REMOVED = "counter_removed", _("Счетчик удалён из кабинета")
    EXPIRED = "expired", _("Прошёл 21 день со звонка")
    SPLIT = "split", _("Разделена: Метрика отклонила файл целиком")
    TOO_LARGE = "too_large", _("Файл слишком велик для Метрики")
    QUARANTINED = "quarantined", _("Слишком много отклонённых файлов за день")
    GOAL_GONE = "goal_gone", _("Цель удалена в Метрике")
    GATHERED_ANEW = "gathered_anew", _("Собрана заново: часть звонков опоздала")
    CALLED_OFF = "called_off", _("Отменена человеком")
