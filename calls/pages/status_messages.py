"""The state of a delivery in Russian: a title, and a sentence with the reason and the next step.

The texts of a reason itself are in `calls.decision.reasons` and `calls.states.Attention`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.judged import LAST_DAY
from calls.decision.reasons import REASONS, attention_sentence, reason_sentence
from calls.models import Call, Delivery, Upload
from calls.queries.blockers import blocker_of, of_channel
from calls.queries.display_state import (
    DisplayDelivery,
    is_changed_after_send,
    is_changed_in_file,
    with_display_state,
)
from calls.queries.gathering import add_gathering
from calls.states import ON_THE_WAY, Attention, CallKind, DisplayState, UploadState

_OF_STATE: dict[str, str | Promise] = {
    DisplayState.AWAITS_SETTINGS: gettext_lazy(
        "Настройки счетчика ещё не сохранены. Откройте их: при сохранении вы решите, отправить ли "
        "звонки, которые уже пришли."
    ),
    DisplayState.UNCLEAR: gettext_lazy(
        "Пока неизвестно, дошёл ли файл до Метрики. Проверяем по списку её загрузок; отправим, "
        "только если его там нет."
    ),
    DisplayState.SENT: gettext_lazy("Файл у Метрики. Обычно она обрабатывает его до двух часов."),
    DisplayState.ACCEPTED_STATIC: gettext_lazy(
        "Есть в отчёте «Звонки, детально»; к визитам такие звонки не привязываются."
    ),
    DisplayState.UNMATCHED: gettext_lazy(
        "Метрика приняла файл, но не нашла визитов этих посетителей: визита не было за 21 день "
        "до звонка, он был после звонка или счетчика нет на странице."
    ),
    DisplayState.EXPIRED: Attention.EXPIRED.sentence,
}
_EXPIRED_STATIC = gettext_lazy(
    "Со звонка прошёл 21 день: такие звонки мы не отправляем. Он непривязанный, к визиту Метрика "
    "не привязала бы его и вовремя."
)
#: States of a call that was given to Metrika, and with them those of a call that will be.
_WENT = (DisplayState.SENT, DisplayState.ACCEPTED, DisplayState.ACCEPTED_STATIC)
_GOES_OR_WENT = (DisplayState.WAITING, DisplayState.HELD, DisplayState.BATCHED, *_WENT)


def title_of(delivery: DisplayDelivery) -> str:
    """Return the state in a word or two."""
    return str(DisplayState(delivery.display_state).label)


def sentence_of(delivery: DisplayDelivery, *, blocker: str) -> str:
    """Return the explanation shown beside a delivery's state; '' when the state says enough.

    Load the delivery with its upload, with the annotations of calls.queries.display_state and with
    what calls.queries.gathering sets; ``blocker`` is what blocks its counter now, from
    calls.queries.blockers.
    """
    return " ".join(filter(None, [unlinked_note(delivery), _sentence(delivery, blocker)]))


def unlinked_note(delivery: DisplayDelivery) -> str:
    """Return why a call that is not static goes as unlinked; '' when it does not.

    Load the delivery with its call.
    """
    if not delivery.is_static or delivery.display_state not in _GOES_OR_WENT:
        return ""
    if delivery.call.kind == CallKind.STATIC:
        return ""
    is_changed = is_changed_after_send(delivery.call, delivery)
    if delivery.call.unreadable_identifiers and not is_changed:
        why = _("идентификатор не читается, так решил человек")
    elif is_changed:
        why = _("идентификатора посетителя в записи не было")
    else:
        why = _("идентификатора посетителя в записи нет")
    went = delivery.display_state in _WENT
    return (_("Передан как непривязанный: %s.") if went else _("Уйдёт как непривязанный: %s.")) % (
        why
    )


def _sentence(delivery: DisplayDelivery, blocker: str) -> str:
    shown, why = delivery.display_state, delivery.why
    if shown == DisplayState.EXPIRED and delivery.is_static:
        return str(_EXPIRED_STATIC)
    if delivery.reason in REASONS and shown not in (
        DisplayState.AWAITS_SETTINGS,
        DisplayState.EXPIRED,
    ):
        # The reason of the row itself goes before that of its upload.
        return reason_sentence(delivery.reason, delivery.compared)
    if shown == DisplayState.SKIPPED or (shown == DisplayState.ROW_REFUSED and delivery.reason):
        return attention_sentence(why)
    if delivery.being_decided and not blocker:
        return delivery.being_decided
    if shown == DisplayState.HELD:
        return " ".join(filter(None, [_held(delivery), blocker]))
    if shown == DisplayState.WAITING and blocker:
        return blocker
    if shown == DisplayState.WAITING:
        return _("Уйдёт со следующей выгрузкой%(until)s.") % {"until": _gathered_until(delivery)}
    if delivery.upload is not None:
        return sentence_of_upload(delivery.upload, shown, blocker=blocker)
    return str(_OF_STATE.get(shown) or attention_sentence(why))


def _gathered_until(delivery: DisplayDelivery) -> str:
    """Return «: соберём в файл до 12:06», with the day unless it is today; '' if not known."""
    if delivery.gathered_by is None:
        return ""
    # The file is built a moment after the delay is over.
    latest = timezone.localtime(delivery.gathered_by).replace(second=0) + timedelta(minutes=1)
    is_today = latest.date() == timezone.localdate()
    written = date_format(latest, "H:i" if is_today else "j E, H:i")
    return _(": соберём в файл до %(time)s") % {"time": written}


def changed_text(call: Call, delivery: Delivery) -> str:
    """Return which values Metrika gets of a call that changed after its file was built; else ''."""
    upload = delivery.upload
    if upload is None or not is_changed_in_file(call, delivery):
        return ""
    if is_changed_after_send(call, delivery):
        return _("Звонок уже был в выгрузке: в Метрику ушли прежние значения.")
    if upload.state in ON_THE_WAY:
        return _("Файл уже собран: в Метрику уйдут прежние значения.")
    return ""


def released_message(delivery: Delivery, *, now: datetime) -> str:
    """Return what becomes of a delivery that a person let go just now: it was decided again."""
    rows = with_display_state(Delivery.objects.row(delivery), now)
    related = rows.select_related("call", "upload", "counter__account", "counter__goal")
    row = related.defer("call__raw").get()
    blocker = of_channel(row.counter, row.channel, blocker_of(row.counter, now=now))
    add_gathering([row], now=now)
    if row.display_state == DisplayState.WAITING and not (blocker or row.being_decided):
        goes = _("Звонок уйдёт со следующей выгрузкой%(until)s.") % {"until": _gathered_until(row)}
        return " ".join(filter(None, [unlinked_note(row), goes]))
    return f"{title_of(row)}. {sentence_of(row, blocker=blocker)}"


def sentence_of_upload(upload: Upload, shown: str, *, blocker: str) -> str:
    """Return the explanation for the calls of this upload; ``shown`` is their display state."""
    if shown == DisplayState.BATCHED:
        return _not_sent_yet(upload, blocker)
    if shown == DisplayState.ROW_REFUSED or upload.attention == Attention.ROW_REFUSED:
        return _row_refused(upload)
    if upload.attention == Attention.EXPIRED and upload.is_static:
        return _(
            "Со звонков прошёл 21 день: такие звонки мы не отправляем. Они непривязанные, к "
            "визитам Метрика не привязала бы их и вовремя."
        )
    if upload.attention:
        return attention_sentence(upload.attention)
    if shown == DisplayState.LINK_UNKNOWN:
        return _link_unknown(upload)
    return linked_sentence(upload, shown) or str(_OF_STATE.get(shown, ""))


def _link_unknown(upload: Upload) -> str:
    text = _("Метрика обработала файл, но не сообщила, сколько его звонков привязано к визитам.")
    if not upload.user_not_found_quantity:
        return text
    missed = _("Визит не найден у %(missed)d из %(rows)d.")
    return f"{text} {missed % {'missed': upload.user_not_found_quantity, 'rows': upload.rows}}"


def linked_sentence(upload: Upload, shown: str) -> str:
    """Return what Metrika told about the visits of the file's calls; '' when it told nothing."""
    linked = upload.linked_rows
    if linked is None or shown == DisplayState.UNMATCHED:
        return ""
    if linked == upload.rows == 1:
        return _("Метрика привязала его к визиту.")
    text = _("В файле к визитам привязано %(linked)d из %(rows)d.")
    if linked < upload.rows:
        text += " " + _("Какие именно звонки, Метрика в ответе на файл не сообщает.")
    return text % {"linked": linked, "rows": upload.rows}


def _not_sent_yet(upload: Upload, blocker: str) -> str:
    if upload.state == UploadState.SENDING:
        return _("Отправляется прямо сейчас.")
    if blocker:
        return blocker
    if upload.state == UploadState.SPLITTING:
        return _(
            "Метрика отклонила файл целиком. Ищем строку, из-за которой; остальные звонки уйдут."
        )
    if upload.state == UploadState.LATER and upload.not_before <= timezone.now():
        return _("Отправить не удалось, скоро повторим.")
    if upload.state == UploadState.LATER:
        return _("Отправить не удалось, повторим %(moment)s.") % {
            "moment": _moment(upload.not_before)
        }
    return _("Файл готов, его очередь скоро.")


def _row_refused(upload: Upload) -> str:
    if upload.line_quantity is None:
        return _("Метрика не приняла строку.")
    text = _(
        "Принято %(lines)d из %(rows)d строк, какие именно — Метрика не сообщает. Сверьте с её "
        "отчётом «Звонки, детально»; повторять отправку не стоит: принятые учлись бы дважды."
    )
    linked = upload.linked_rows
    if linked is not None:
        text += " " + _("К визитам привязано %(linked)d.")
    return text % {"lines": upload.line_quantity, "rows": upload.rows, "linked": linked}


def _held(delivery: Delivery) -> str:
    if delivery.not_before is None:
        return ""
    moment = {"moment": _moment(delivery.not_before)}
    if delivery.not_before == delivery.expires_at - LAST_DAY:
        return (
            _(
                "Отложен до %(moment)s — не дольше: через сутки после этого Метрика уже не "
                "привяжет звонок к визиту."
            )
            % moment
        )
    ends_at = delivery.call.started_at + timedelta(seconds=delivery.call.duration_seconds)
    awaited = _awaited(delivery, ends_at)
    if awaited:
        return awaited % moment
    if ends_at > timezone.now():
        words = _("Отложен до %(moment)s: по записи звонок ещё идёт, он закончится %(end)s.")
        return words % (moment | {"end": _moment(ends_at)})
    return _("Отложен до %(moment)s.") % moment


def _awaited(delivery: Delivery, ends_at: datetime) -> str:
    """Return what the call waits for by the counter's settings; '' for the delay alone."""
    call, counter = delivery.call, delivery.counter
    longest = timedelta(hours=counter.hold_hours)
    if counter.hold_for_tags and not call.tags and delivery.not_before == ends_at + longest:
        return _("Ждёт тегов, но не дольше, чем до %(moment)s. Придут теги — уйдёт сразу.")
    waits = counter.hold_for_last_attempt and delivery.not_before == call.received_at + longest
    if waits and call.order_key is not None and call.status == call.Status.FAIL:
        return _("Ждёт следующей попытки дозвониться, но не дольше, чем до %(moment)s.")
    return ""


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j E, H:i")
