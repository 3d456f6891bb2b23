"""The steps of a delivery from its file on: attempts, Metrika's answer, what is expected next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.models import Upload, UploadAttempt
from calls.pages.attempt_messages import AttemptLine, describe
from calls.pages.help_codes import help_code_of_link
from calls.pages.proved import file_numbers, is_of_row
from calls.pages.status_messages import sentence_of, title_of, unlinked_note
from calls.pages.timeline_step import Step
from calls.queries.display_state import DisplayDelivery
from calls.queries.link_proofs import NOT_YET, UNKNOWN, Link
from calls.states import (
    NOT_SENT,
    PROCESSED_UPLOADS,
    TONES,
    Attention,
    DeliveryState,
    DisplayState,
    IdKind,
    UploadState,
)

#: States of a skipped call whose reason is among the rules of its decision.
_TOLD_BY_RULES = (*NOT_SENT, DisplayState.NEEDS_DECISION, DisplayState.AWAITS_GOAL)
#: States in which something is still to come.
_TO_COME = (
    DisplayState.WAITING,
    DisplayState.HELD,
    DisplayState.AWAITS_SETTINGS,
    DisplayState.AWAITS_GOAL,
    DisplayState.BATCHED,
    DisplayState.UNCLEAR,
    DisplayState.SENT,
    DisplayState.NEEDS_DECISION,
)
#: Of some of them the title of what comes; of the others the state says it.
_COMING = {
    DisplayState.HELD: gettext_lazy("Отправим позже"),
    DisplayState.SENT: gettext_lazy("Метрика обработает файл"),
}
#: Metrika promises to process a file within two hours, and may take a day:
#: https://yandex.com/dev/metrika/en/management/openapi/call/uploadCalls
PROMISED, AT_MOST = timedelta(hours=2), timedelta(hours=24)


def upload_steps(
    delivery: DisplayDelivery,
    upload: Upload,
    attempts: Sequence[UploadAttempt],
    *,
    sees_answers: bool,
) -> Iterator[Step]:
    """Yield the steps up to Metrika's receipt; what became of it is the state."""
    yield Step(_("Собран в выгрузку"), "info", upload.created_at, _place(delivery, upload))
    if upload.taken_over_at is not None:
        yield Step(
            _("Выгрузка восстановлена по списку Метрики"),
            "info",
            upload.taken_over_at,
            _(
                "База восстановлена из резервной копии, в которой этой выгрузки ещё не было. "
                "Звонок уже у Метрики и повторно не уйдёт."
            ),
        )
    for attempt in attempts:
        line = describe(attempt, with_answer=sees_answers, upload=upload)
        yield Step(_attempt_title(attempt, line), line.tone, line.at, attempt=line)
    # Of an upload that was taken over no attempts are stored.
    if upload.accepted_at is not None and not attempts and upload.taken_over_at is None:
        yield Step(_("Метрика приняла файл"), "success", upload.accepted_at)


def _attempt_title(attempt: UploadAttempt, line: AttemptLine) -> str:
    words = {"kind": line.kind_text, "number": attempt.number, "outcome": line.outcome_text}
    if attempt.number == 1:
        return _("%(kind)s: %(outcome)s") % words
    return _("%(kind)s, попытка %(number)d: %(outcome)s") % words


def _place(delivery: DisplayDelivery, upload: Upload) -> str:
    values = {"row": delivery.row_number, "rows": upload.rows}
    if upload.is_static:
        return _("Строка %(row)d из %(rows)d в файле.") % values
    kind = {"kind": IdKind(upload.id_kind).label}
    return _("Строка %(row)d из %(rows)d в файле, посетитель назван по %(kind)s.") % (values | kind)


def state_step(
    delivery: DisplayDelivery, blocker: str, now: datetime, link: Link | None
) -> Iterator[Step]:
    """Yield the present state, or what comes next; none of a call whose rules have said it all.

    Where the logs say what became of the row itself, the state is named as that of its file.
    """
    shown = DisplayState(delivery.display_state)
    if shown in _TOLD_BY_RULES and delivery.state == DeliveryState.SKIPPED:
        return
    if is_of_row(delivery, link):
        title = _("Итог всего файла: %(state)s") % {"state": title_of(delivery)}
        text = " ".join(filter(None, [unlinked_note(delivery), file_numbers(delivery.upload)]))
        yield Step(title, TONES[shown], _since(delivery, now), text, is_state=True)
        return
    coming = _COMING.get(shown)
    yield Step(
        str(coming) if coming else title_of(delivery),
        TONES[shown],
        _since(delivery, now),
        _state_text(delivery, blocker, now),
        is_state=True,
        is_next=shown in _TO_COME,
    )


def link_step(link: Link | None) -> Iterator[Step]:
    """Yield what Metrika's logs said of the row, or that they will; none if it is off."""
    if link is None or not link.is_told:
        return
    text = _("%(result)s.") % {"result": capfirst(link.text)}
    if link.value == UNKNOWN:
        yield Step(_("Привязка не проверена"), link.tone, text=text)
    elif link.value == NOT_YET:
        yield Step(_("Проверим привязку"), link.tone, text=text, is_next=True)
    else:
        title, page = _("Привязка проверена"), help_code_of_link(link)
        yield Step(title, link.tone, link.proved_at, text, help_code=page)


def _since(delivery: DisplayDelivery, now: datetime) -> datetime | None:
    """Return since when the state is so, None if that is not stored or it is still to come."""
    shown, upload = delivery.display_state, delivery.upload
    if shown in _TO_COME:
        return None
    if shown == DisplayState.EXPIRED and upload is None:
        # A call that came after its term was late from its arrival on.
        return max(min(delivery.expires_at, now), delivery.call.received_at)
    return upload.settled_at if upload is not None else None


def _state_text(delivery: DisplayDelivery, blocker: str, now: datetime) -> str:
    upload, sentence = delivery.upload, sentence_of(delivery, blocker=blocker)
    if upload is None or delivery.reason:
        return sentence
    if upload.state == UploadState.SENT and not upload.attention:
        parts = (unlinked_note(delivery), _processed_by(upload, now), _polled_at(upload, now))
        return " ".join(filter(None, parts))
    return " ".join(filter(None, [_accepted_lines(upload), sentence]))


def _accepted_lines(upload: Upload) -> str:
    """Return how many rows Metrika took; '' where it did not tell, or the sentence says so."""
    is_told = upload.line_quantity is not None and upload.attention != Attention.ROW_REFUSED
    if not is_told or upload.state not in PROCESSED_UPLOADS:
        return ""
    words = {"lines": upload.line_quantity, "rows": upload.rows}
    return _("Принято строк: %(lines)d из %(rows)d.") % words


def _processed_by(upload: Upload, now: datetime) -> str:
    taken_at = upload.accepted_at or upload.sent_at
    if taken_at is None or now >= taken_at + AT_MOST:
        return _("Файл у Метрики; она обрабатывает его дольше суток.")
    if now >= taken_at + PROMISED:
        text = _("Обычно это занимает до двух часов, но может и сутки: до %(moment)s.")
        return text % {"moment": _moment(taken_at + AT_MOST)}
    text = _("До %(moment)s; иногда это занимает до суток.")
    return text % {"moment": _moment(taken_at + PROMISED)}


def _polled_at(upload: Upload, now: datetime) -> str:
    if upload.next_poll_at is None:
        return ""
    if upload.next_poll_at <= now:
        return _("Вот-вот спросим у неё, готово ли.")
    words = _("Спросим у неё, готово ли: %(moment)s.")
    return words % {"moment": _moment(upload.next_poll_at)}


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j E, H:i")
