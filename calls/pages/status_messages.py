"""Says in Russian what became of a delivery, why, and what can be done about it."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.messages import refusal
from calls.decision.rules import SENTENCES
from calls.models import Delivery, Upload
from calls.queries.display_state import DisplayDelivery
from calls.states import Attention, DeliveryState, DisplayState, UploadState

#: A reason in a word or two, for the lists that people choose from.
REASON_TITLES: dict[str, str | Promise] = {
    "test_call": gettext_lazy("Проверочный звонок"),
    "not_finished": gettext_lazy("Не завершён"),
    "not_configured": gettext_lazy("Настройки не сохранены"),
    "counter_off": gettext_lazy("Счетчик выключен"),
    "calls_off": gettext_lazy("Звонки не отправляются"),
    "goal_not_set": gettext_lazy("Цель не указана"),
    "goal_gone": gettext_lazy("Цель удалена в Метрике"),
    "goal_unusable": gettext_lazy("Идентификатор цели не годится"),
    "technical": gettext_lazy("Техническая отмена"),
    "call_type": gettext_lazy("Тип звонка"),
    "status": gettext_lazy("Статус звонка"),
    "too_short": gettext_lazy("Короткий разговор"),
    "uniqueness": gettext_lazy("Не уникальный или не целевой"),
    "site_unknown": gettext_lazy("Сайт не указан"),
    "site": gettext_lazy("Другой сайт"),
    "campaign": gettext_lazy("Другая кампания"),
    "not_last_attempt": gettext_lazy("Не последняя попытка"),
    "static_no_goal": gettext_lazy("Статический звонок не достигает цели"),
    "no_identifier": gettext_lazy("Посетитель неизвестен"),
    "refused_by_metrika": gettext_lazy("Метрика не приняла строку"),
    "refused_by_check": gettext_lazy("Строка не прошла проверку"),
    **dict(Attention.choices),
}

#: What ails an upload, and the next step.
OF_ATTENTION: dict[str, str | Promise] = {
    Attention.REJECTED: gettext_lazy(
        "Метрика отклонила файл, звонки не переданы. Напишите в поддержку: ответ Метрики сохранён."
    ),
    Attention.DAMAGED: gettext_lazy(
        "Сохранённый файл отличается от собранного и не отправлен. Сообщите в поддержку CallKeeper."
    ),
    Attention.UNKNOWN_FATE: gettext_lazy(
        "Ответ Метрики потерян, и спросить её было нельзя до конца срока привязки. Звонки этой "
        "выгрузки могут быть в отчётах; повторно они не отправляются."
    ),
    Attention.ROW_REFUSED: gettext_lazy("Метрика приняла не все строки файла."),
    Attention.DUPLICATE: gettext_lazy(
        "В Метрике оказались две одинаковые выгрузки: звонки могли посчитаться дважды. "
        "Поддержка видит номера обеих."
    ),
    Attention.OVERDUE: gettext_lazy(
        "Метрика обрабатывает файл дольше двух суток. Файл у неё; мы продолжаем спрашивать."
    ),
    Attention.COUNTER_REMOVED: gettext_lazy("Счетчик удалён из кабинета до отправки звонка."),
    Attention.EXPIRED: gettext_lazy(
        "Со звонка прошёл 21 день: Метрика уже не привяжет его к визиту."
    ),
    Attention.SPLIT: gettext_lazy(
        "Метрика отклонила файл целиком. Он разделён: строка, из-за которой его отклонили, "
        "исключена, остальные звонки отправлены другими выгрузками."
    ),
    Attention.TOO_LARGE: gettext_lazy(
        "Файл оказался слишком велик для Метрики. Его звонки отправлены меньшими файлами."
    ),
    Attention.QUARANTINED: gettext_lazy(
        "Сегодня Метрика отклонила слишком много файлов этого счетчика, поэтому поиск плохой "
        "строки остановлен: звонки не переданы. Повторите отправку завтра или напишите в поддержку."
    ),
    Attention.GOAL_GONE: gettext_lazy(
        "Цель не найдена: её больше нет в Метрике, поэтому файл не принят. Выберите другую цель в "
        "настройках счетчика — звонки уйдут с ней сами."
    ),
    Attention.GATHERED_ANEW: gettext_lazy(
        "Пока файл ждал, для части его звонков прошёл 21 день. Остальные собраны в новую выгрузку."
    ),
    Attention.QUANTITY: gettext_lazy(
        "Метрика насчитала в файле больше строк, чем мы отправили. Строки у неё; повторять их "
        "нельзя. Сообщите поддержке номер выгрузки."
    ),
    Attention.NO_OUTCOME: gettext_lazy(
        "Метрика приняла файл, но за 21 день не сообщила, что с ним стало. Посмотрите звонки в "
        "отчётах Метрики; повторять отправку не стоит: звонки могут учесться дважды."
    ),
    Attention.CALLED_OFF: gettext_lazy("Отправку отменил человек."),
}

_OF_STATE: dict[str, str | Promise] = {
    DisplayState.WAITING: gettext_lazy("Уйдёт со следующей выгрузкой."),
    DisplayState.UNCLEAR: gettext_lazy(
        "Ответ Метрики не дошёл до нас. Проверяем по списку её загрузок; повторим, только если "
        "файла там нет."
    ),
    DisplayState.SENT: gettext_lazy("Файл у Метрики. Обычно она обрабатывает его до двух часов."),
    DisplayState.ACCEPTED: "",
    DisplayState.UNMATCHED: gettext_lazy(
        "Метрика приняла файл, но не нашла визитов этих посетителей: визита не было за 21 день "
        "до звонка, он был после звонка или счетчика нет на странице."
    ),
    DisplayState.EXPIRED: OF_ATTENTION[Attention.EXPIRED],
}


def title_of(delivery: DisplayDelivery) -> str:
    """Return the state in a word or two, more exactly than its code where that would mislead."""
    if delivery.display_state == DisplayState.SKIPPED and delivery.reason == "not_finished":
        return _("Ждёт итога")
    if (
        delivery.display_state == DisplayState.ROW_REFUSED
        and delivery.state != DeliveryState.ROW_REFUSED
    ):
        # Metrika took some rows of the file and does not say which: this one may be among them.
        return _("Приняты не все строки")
    return str(DisplayState(delivery.display_state).label)


def sentence_of(delivery: DisplayDelivery, *, blocker: str) -> str:
    """Return what a person should know of a delivery beside its state; '' when all is said.

    The delivery carries `display_state` and `why` (see calls.queries.display_state) and its upload;
    ``blocker`` is what blocks its counter now, from calls.queries.blockers.
    """
    shown, why = delivery.display_state, delivery.why
    if delivery.reason in SENTENCES:
        # What the row says of itself goes before what befell its upload.
        return refusal(delivery.reason, delivery.compared)
    if shown == DisplayState.SKIPPED or (shown == DisplayState.ROW_REFUSED and delivery.reason):
        return str(OF_ATTENTION.get(why, why))
    if shown == DisplayState.HELD:
        return " ".join(filter(None, [_held(delivery), blocker]))
    if shown == DisplayState.WAITING and blocker:
        return blocker
    if delivery.upload is not None:
        return of_upload(delivery.upload, shown, blocker=blocker)
    return str(_OF_STATE.get(shown) or OF_ATTENTION.get(why, ""))


def of_upload(upload: Upload, shown: str, *, blocker: str) -> str:
    """Return the sentence for calls of this upload, which are shown as ``display_state``."""
    if shown == DisplayState.BATCHED:
        return _on_its_way(upload, blocker)
    if shown == DisplayState.ROW_REFUSED or upload.attention == Attention.ROW_REFUSED:
        return _row_refused(upload)
    if upload.attention:
        return str(OF_ATTENTION.get(upload.attention) or upload.get_attention_display())
    if shown == DisplayState.ACCEPTED and upload.is_static:
        return _("Есть в отчёте «Звонки, детально»; к визитам статические звонки не привязываются.")
    return str(_OF_STATE.get(shown, ""))


def _on_its_way(upload: Upload, blocker: str) -> str:
    if upload.state == UploadState.SENDING:
        return _("Отправляется прямо сейчас.")
    if upload.state == UploadState.SPLITTING:
        return _(
            "Метрика отклонила файл целиком. Ищем строку, из-за которой; остальные звонки уйдут."
        )
    if blocker:
        return blocker
    if upload.state == UploadState.LATER:
        return _("Отправить не удалось, повторим %(moment)s.") % {
            "moment": _moment(upload.not_before)
        }
    return _("Файл готов, его очередь скоро.")


def _row_refused(upload: Upload) -> str:
    if upload.line_quantity is None:
        return _("Метрика не приняла строку.")
    return _(
        "Принято %(lines)d из %(rows)d строк, какие именно — Метрика не сообщает. Сверьте с её "
        "отчётом «Звонки, детально»; повторять отправку не стоит: принятые учлись бы дважды."
    ) % {
        "lines": upload.line_quantity,
        "rows": upload.rows,
    }


def _held(delivery: Delivery) -> str:
    if delivery.not_before is None:
        return ""
    return _("Отложен до %(moment)s.") % {"moment": _moment(delivery.not_before)}


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j E, H:i")
