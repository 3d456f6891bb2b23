"""Texts for the attempts and lookups of an upload: what was done and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.models import Upload, UploadAttempt
from calls.states import Channel
from integrations.yandex.metrika import (
    LIST_CALLS,
    LIST_CONVERSIONS,
    ROOT,
    UPLOAD_CALLS,
    UPLOAD_CONVERSIONS,
    offline_path,
)

#: `UploadAttempt.error_class`, as calls.delivery writes it → (tone, text).
OUTCOMES: dict[str, tuple[str, str | Promise]] = {
    "Unreachable": ("warning", gettext_lazy("Метрика не ответила")),
    "QuotaExceeded": ("warning", gettext_lazy("Исчерпан лимит запросов Метрики")),
    "TokenRejected": ("danger", gettext_lazy("Яндекс не принял ключ доступа")),
    "AccessDenied": ("danger", gettext_lazy("Нет права на счетчик")),
    "NotFound": ("danger", gettext_lazy("Метрика не нашла счетчик")),
    "RequestRejected": ("danger", gettext_lazy("Метрика отклонила файл")),
    "UnexpectedAnswer": ("warning", gettext_lazy("Непонятный ответ, проверяем")),
    "WorkerLost": ("warning", gettext_lazy("Прервана, проверяем, дошёл ли файл")),
    "NotInList": ("neutral", gettext_lazy("Файла в списке пока нет")),
    "FoundInList": ("success", gettext_lazy("Файл уже в Метрике, повторно не отправляем")),
    "StandsTwice": ("danger", gettext_lazy("В Метрике две такие выгрузки")),
    "AbsenceProven": ("info", gettext_lazy("Файла в Метрике нет, можно повторить")),
}


@dataclass(frozen=True)
class AttemptLine:
    """One row of the table of attempts."""

    at: datetime
    kind_text: str
    duration_text: str
    status: int | None
    tone: str
    outcome_text: str
    answer: str
    #: Of an attempt with its upload: the request that was made.
    request: RequestLine | None = None
    #: Of an attempt by which Metrika took its upload: what is stored of the answer.
    kept: str = ""


@dataclass(frozen=True)
class RequestLine:
    """The request of an attempt, as far as its upload knows it; without the token."""

    method: str
    path: str
    marker: str
    #: Of a file that was sent; of a lookup there is none.
    rows: int | None = None
    size: int | None = None


def describe(
    attempt: UploadAttempt, *, with_answer: bool, upload: Upload | None = None
) -> AttemptLine:
    """Describe one attempt. The answer may quote a row: pass ``with_answer`` for managers only.

    With the ``upload``, which is loaded with its counter, the request is described, too.
    """
    tone, text = _outcome(attempt)
    return AttemptLine(
        at=attempt.started_at,
        kind_text=attempt.get_kind_display(),
        duration_text=_duration_text(attempt),
        status=attempt.http_status,
        tone=tone,
        outcome_text=str(text),
        answer=attempt.excerpt if with_answer else "",
        request=_request(attempt, upload) if upload else None,
        kept=_kept(attempt, upload) if upload else "",
    )


def _kept(attempt: UploadAttempt, upload: Upload) -> str:
    """Return the stored values of Metrika's answer; '' where the file was not accepted by it."""
    is_sent = attempt.kind == attempt.Kind.SEND and attempt.http_status == HTTPStatus.OK
    if not is_sent or attempt.error_class or upload.uploading_id is None:
        return ""
    counts = (
        (_("строк получено: %(value)s"), upload.source_quantity),
        (_("принято: %(value)s"), upload.line_quantity),
        (_("привязано: %(value)s"), upload.linked_quantity),
        (_("визит не найден: %(value)s"), upload.user_not_found_quantity),
    )
    values = [
        _("загрузка № %(value)s") % {"value": upload.uploading_id},
        *([_("статус %(value)s") % {"value": upload.metrika_status}] * bool(upload.metrika_status)),
        *(text % {"value": number_format(value)} for text, value in counts if value is not None),
    ]
    text = _(
        "Текст ответа на принятый файл не храним, только номер загрузки, статус и числа. Последние "
        "известные: %(values)s."
    )
    return text % {"values": ", ".join(values)}


def _request(attempt: UploadAttempt, upload: Upload) -> RequestLine:
    is_goal = upload.channel == Channel.GOAL
    if attempt.kind == attempt.Kind.LOOKUP:
        method = LIST_CONVERSIONS if is_goal else LIST_CALLS
        return RequestLine("GET", ROOT + offline_path(upload.counter.number, method), upload.marker)
    method = UPLOAD_CONVERSIONS if is_goal else UPLOAD_CALLS
    path = ROOT + offline_path(upload.counter.number, method)
    return RequestLine("POST", path, upload.marker, upload.rows, vars(attempt).get("file_size"))


def _outcome(attempt: UploadAttempt) -> tuple[str, str | Promise]:
    if attempt.ended_at is None:
        return "info", gettext_lazy("Идёт сейчас")
    if not attempt.error_class:
        return "success", gettext_lazy("Метрика приняла файл")
    return OUTCOMES.get(attempt.error_class, ("warning", attempt.error_class))


def _duration_text(attempt: UploadAttempt) -> str:
    if attempt.ended_at is None or attempt.kind == UploadAttempt.Kind.LOOKUP:
        return ""
    seconds = (attempt.ended_at - attempt.started_at).total_seconds()
    return _("%(seconds)s с") % {"seconds": number_format(seconds, decimal_pos=1)}
