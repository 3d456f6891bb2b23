"""The state and the attempts of an upload, for its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.decision.sent_before import missing_rows
from calls.models import Delivery, Resend, Upload
from calls.pages.attempt_messages import AttemptLine, describe
from calls.pages.split_words import split_sentence
from calls.pages.status_messages import sentence_of_upload
from calls.queries.blockers import blocker_of, of_channel
from calls.queries.display_state import display_state_of_upload
from calls.queries.link_proofs import LINKED
from calls.queries.link_totals import upload_proofs
from calls.states import PROCESSED_UPLOADS, TO_SEND, TONES, Attention, UploadState

#: A cancelled upload with one of these was sent and refused as a whole.
REFUSED_WHOLE = (Attention.SPLIT, Attention.TOO_LARGE, Attention.ROW_REFUSED, Attention.GOAL_GONE)
_UNTOLD = gettext_lazy("Метрика не сообщила")


@dataclass(frozen=True)
class UploadStatus:
    """The upload's state as its page shows it."""

    text: str
    tone: str
    sentence: str
    #: Something stops it from being sent: the sentence says what.
    is_blocked: bool


def upload_status(upload: Upload, *, now: datetime) -> UploadStatus:
    """Return the state in the same words as its calls'. Load it with counter and account."""
    shown = display_state_of_upload(upload.pk)
    blocker = of_channel(upload.counter, upload.channel, blocker_of(upload.counter, now=now))
    is_blocked = bool(blocker) and upload.state in TO_SEND
    return UploadStatus(
        text=_("Не отправлена, ждёт") if is_blocked else label_of(upload),
        tone="warning" if is_blocked else TONES[shown],
        sentence=split_sentence(upload) or sentence_of_upload(upload, shown, blocker=blocker),
        is_blocked=is_blocked,
    )


def attempts_of(upload: Upload, *, with_answers: bool) -> list[AttemptLine]:
    """Return all attempts and lookups, oldest first."""
    attempts = upload.tries.order_by("started_at", "pk")
    return [describe(attempt, with_answer=with_answers) for attempt in attempts]


def taken_over_sentences(upload: Upload) -> str:
    """Return what is known of an upload that a restored database took over; '' for any other."""
    if upload.taken_over_at is None:
        return ""
    sentences = [
        _(
            "База восстановлена из резервной копии, в которой этой выгрузки ещё не было. Выгрузка "
            "восстановлена по списку Метрики: звонки у неё и повторно не уйдут, а файл и попытки "
            "отправки не сохранились."
        )
    ]
    missing = missing_rows(upload.pk)
    if missing:
        text = _(
            "В базе нет звонков из этой выгрузки: %(count)d. Когда CallKeeper передаст их ещё раз, "
            "они вернутся в неё и второй раз не уйдут."
        )
        sentences.append(text % {"count": missing})
    return " ".join(sentences)


@dataclass(frozen=True)
class ProvedUpload:
    """What Metrika's logs say of an upload's rows, and where its linked calls are listed."""

    text: str
    url: str


def proved_upload(upload: Upload) -> ProvedUpload | None:
    """Return it; None where the logs named no row, or the calls were never to be linked."""
    found = upload_proofs(upload.pk)
    if upload.is_static or not found["rows"]:
        return None
    text = _("По логам Метрики в этой выгрузке привязано %(linked)d из %(rows)d проверенных строк.")
    words = {"linked": found["linked"], "rows": found["rows"]}
    url = ledger_of(upload, link=LINKED) if found["linked"] else ""
    return ProvedUpload(text % words, url)


def ledger_of(upload: Upload, **filters: str) -> str:
    """Return the address of the ledger with the calls of the upload."""
    return f"{reverse('calls:list')}?{urlencode({'upload': upload.pk, **filters})}"


@dataclass(frozen=True)
class LedgerRows:
    """Where the rows of an upload are in the ledger now."""

    #: Those that are still in it, and the address of the ledger with their calls.
    left: int
    url: str
    #: The uploads that were split off.
    parts: list[int]
    #: The call that the upload repeats: it has no row of the ledger.
    repeated: int | None


def ledger_rows_of(upload: Upload) -> LedgerRows:
    """Return it; one query when all rows are still in the upload, else three."""
    left = Delivery.objects.filter(upload=upload).count()
    if left == upload.rows:
        return LedgerRows(left, ledger_of(upload), [], None)
    parts = upload.parts.order_by("pk").values_list("pk", flat=True)
    repeated = Resend.objects.filter(upload=upload).values_list("call_id", flat=True)
    return LedgerRows(left, ledger_of(upload), list(parts), repeated.first())


def sent_at_of(upload: Upload) -> datetime | None:
    """Return when the upload was sent; None while Metrika is not known to have it.

    Until then `Upload.sent_at` is the time of an attempt.
    """
    return upload.sent_at if upload.uploading_id else None


def label_of(upload: Upload) -> str:
    """Return the upload's state in a word or two."""
    if upload.state == UploadState.LINKAGE_FAILURE and (upload.is_static or upload.linked_rows):
        # Static calls are never linked to visits, so this is no failure.
        return str(UploadState.PROCESSED.label)
    if upload.state == UploadState.CANCELLED and upload.sent_at is not None:
        return _("Отклонена целиком") if upload.attention in REFUSED_WHOLE else _("Отменена")
    return str(upload.get_state_display())


@dataclass(frozen=True)
class Figure:
    """One count of an upload; without a value it is not known, and the note says why."""

    label: str
    value: int | None = None
    note: str = ""
    at: datetime | None = None


def figures_of(upload: Upload) -> list[Figure]:
    """Return the counts of an upload in the order in which they become known."""
    is_with_metrika = sent_at_of(upload) is not None
    return [
        Figure(_("Строк в файле"), upload.rows, at=upload.created_at),
        Figure(_("Отправлено"), upload.rows, at=upload.sent_at)
        if is_with_metrika
        else Figure(_("Отправлено"), note=_not_sent_note(upload)),
        Figure(
            _("Принято Метрикой"),
            upload.line_quantity if is_with_metrika else None,
            note=str(_UNTOLD) if is_with_metrika and upload.line_quantity is None else "",
        ),
        linked_figure(upload),
        missed_figure(upload),
    ]


def _not_sent_note(upload: Upload) -> str:
    """Return why it is not said that the file was sent."""
    if upload.state == UploadState.SENDING:
        return _("отправляется прямо сейчас")
    if upload.state == UploadState.UNCLEAR or upload.attention == Attention.UNKNOWN_FATE:
        return _("неизвестно, дошёл ли файл")
    return _("ещё нет") if upload.state in TO_SEND else _("нет")


def figure_text(figure: Figure) -> str | None:
    """Return a count as text, else the note; None for neither."""
    return str(figure.value) if figure.value is not None else figure.note or None


def linked_figure(upload: Upload) -> Figure:
    """Return how many rows Metrika linked to visits."""
    note: str | Promise = ""
    if upload.is_static:
        note = gettext_lazy("не относится: звонки непривязанные")
    elif upload.state == UploadState.SENT:
        note = gettext_lazy("станет известно после обработки")
    elif upload.state in PROCESSED_UPLOADS and upload.linked_rows is None:
        note = _UNTOLD
    return Figure(_("Привязано к визитам"), upload.linked_rows, note=str(note))


def missed_figure(upload: Upload) -> Figure:
    """Return of how many rows Metrika found no visit."""
    is_told = upload.state in PROCESSED_UPLOADS and not upload.is_static
    missed = upload.user_not_found_quantity if is_told else None
    if upload.linked_rows is None and not missed:
        # A zero beside a count that Metrika did not make was not counted either.
        missed = None
    return Figure(_("Визит не найден"), missed)
