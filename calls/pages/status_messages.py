"""The state of a delivery in Russian: a title, and a sentence with the reason and the next step.

The texts of a reason itself are in `calls.decision.reasons` and `calls.states.Attention`.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.reasons import REASONS, attention_sentence, reason_sentence
from calls.models import Delivery, Upload
from calls.queries.display_state import DisplayDelivery
from calls.states import Attention, DeliveryState, DisplayState, UploadState

_OF_STATE: dict[str, str | Promise] = {
    DisplayState.WAITING: gettext_lazy("Уйдёт со следующей выгрузкой."),
    DisplayState.AWAITS_SETTINGS: gettext_lazy(
        "Настройки счетчика ещё не сохранены. Откройте их: при сохранении вы решите, отправить ли "
        "звонки, которые уже пришли."
    ),
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
    DisplayState.EXPIRED: Attention.EXPIRED.sentence,
}


def title_of(delivery: DisplayDelivery) -> str:
    """Return the state in a word or two; more exact than the state's label where that misleads."""
    if delivery.display_state == DisplayState.SKIPPED and delivery.reason == "not_finished":
        return _("Ждёт итога")
    if (
        delivery.display_state == DisplayState.ROW_REFUSED
        and delivery.state != DeliveryState.ROW_REFUSED
    ):
        # Metrika accepted part of the file and does not say which rows: this one may be among them.
        return _("Приняты не все строки")
    return str(DisplayState(delivery.display_state).label)


def sentence_of(delivery: DisplayDelivery, *, blocker: str) -> str:
    """Return the explanation shown beside a delivery's state; '' when the state says enough.

    Load the delivery with its upload and with the annotations of calls.queries.display_state;
    ``blocker`` is what blocks its counter now, from calls.queries.blockers.
    """
    shown, why = delivery.display_state, delivery.why
    if delivery.reason in REASONS and shown not in (
        DisplayState.AWAITS_SETTINGS,
        DisplayState.EXPIRED,
    ):
        # The reason of the row itself goes before that of its upload.
        return reason_sentence(delivery.reason, delivery.compared)
    if shown == DisplayState.SKIPPED or (shown == DisplayState.ROW_REFUSED and delivery.reason):
        return attention_sentence(why)
    if shown == DisplayState.HELD:
        return " ".join(filter(None, [_held(delivery), blocker]))
    if shown == DisplayState.WAITING and blocker:
        return blocker
    if delivery.upload is not None:
        return sentence_of_upload(delivery.upload, shown, blocker=blocker)
    return str(_OF_STATE.get(shown) or attention_sentence(why))


def sentence_of_upload(upload: Upload, shown: str, *, blocker: str) -> str:
    """Return the explanation for the calls of this upload; ``shown`` is their display state."""
    if shown == DisplayState.BATCHED:
        return _not_sent_yet(upload, blocker)
    if shown == DisplayState.ROW_REFUSED or upload.attention == Attention.ROW_REFUSED:
        return _row_refused(upload)
    if upload.attention:
        return attention_sentence(upload.attention)
    if shown == DisplayState.ACCEPTED and upload.is_static:
        return _("Есть в отчёте «Звонки, детально»; к визитам статические звонки не привязываются.")
    return str(_OF_STATE.get(shown, ""))


def _not_sent_yet(upload: Upload, blocker: str) -> str:
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
