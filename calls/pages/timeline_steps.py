"""The steps of one delivery, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from calls.decision.explain import Verdict
from calls.decision.reasons import GIVEN_BY_A_PERSON, reason_sentence
from calls.models import Call, Delivery, Resend, Upload, UploadAttempt
from calls.pages.attempt_messages import describe
from calls.pages.status_messages import sentence_of, title_of
from calls.queries.display_state import DisplayDelivery, is_changed_after_send
from calls.states import TONES, DeliveryState, DisplayState, IdKind, UploadState


@dataclass(frozen=True)
class RuleLine:
    """One rule of the decision: passed, or the sentence that says why not."""

    ok: bool
    text: str


@dataclass(frozen=True)
class Step:
    """Something that happened, or is awaited (without a time)."""

    title: str
    tone: str
    at: datetime | None = None
    text: str = ""
    rules: list[RuleLine] = field(default_factory=list)


def steps_of(
    call: Call,
    delivery: DisplayDelivery,
    *,
    verdicts: list[Verdict],
    attempts: Iterable[UploadAttempt],
    blocker: str,
) -> list[Step]:
    """Return the steps from the call's arrival to Metrika's answer, as far as they went."""
    happened = [Step(_("Получен от CallKeeper"), "info", call.received_at)]
    happened += _revised(call, delivery)
    happened.append(_decided(delivery, verdicts, blocker))
    if delivery.upload is not None:
        happened += _in_upload(delivery, delivery.upload, attempts)
    happened.sort(key=lambda step: step.at or call.received_at)
    return [*happened, *_standing(delivery, blocker)]


def _revised(call: Call, delivery: Delivery) -> Iterator[Step]:
    if call.revision == 1:
        return
    if is_changed_after_send(call, delivery):
        text = _("Звонок уже был в выгрузке: в Метрику ушли прежние значения.")
        yield Step(_("CallKeeper изменил данные звонка"), "warning", call.updated_at, text)
    else:
        yield Step(_("CallKeeper уточнил данные звонка"), "info", call.updated_at)


def _decided(delivery: DisplayDelivery, verdicts: list[Verdict], blocker: str) -> Step:
    skipped = delivery.state == DeliveryState.SKIPPED
    changed = _since_changed(delivery, verdicts, skipped=skipped)
    why = sentence_of(delivery, blocker=blocker) if skipped and (changed or not verdicts) else ""
    too_late = delivery.state == DeliveryState.EXPIRED
    return Step(
        title=_decision(skipped=skipped, too_late=too_late),
        tone="neutral" if skipped or too_late else "success",
        at=delivery.decided_at,
        text=" ".join(filter(None, [why, changed])),
        rules=[RuleLine(verdict.passed, verdict.text) for verdict in verdicts],
    )


def _decision(*, skipped: bool, too_late: bool) -> str:
    if too_late:
        return _("Отправлять поздно: визит уже не найти")
    return _("Решено не отправлять") if skipped else _("Решено отправить")


def _since_changed(delivery: Delivery, verdicts: list[Verdict], *, skipped: bool) -> str:
    """Say so when today's settings would decide otherwise than it was decided."""
    if delivery.reason in GIVEN_BY_A_PERSON or not verdicts:
        return ""
    refused = next((one for one in verdicts if not one.passed), None)
    if (refused.code if refused else None) == (delivery.reason if skipped else None) and (
        refused is None or _says_the_same(refused, delivery)
    ):
        return ""
    if refused is None:
        return _("С тех пор звонок или настройки изменились: сейчас он прошёл бы все проверки.")
    return _("С тех пор звонок или настройки изменились. Сейчас правила сказали бы так:")


def _says_the_same(refused: Verdict, delivery: Delivery) -> bool:
    """Whether the values are those of the decision, as far as it kept any."""
    if delivery.compared is None:
        return True
    return refused.text == reason_sentence(refused.code, delivery.compared)


def _in_upload(
    delivery: Delivery, upload: Upload, attempts: Iterable[UploadAttempt]
) -> Iterator[Step]:
    place = _("Строка %(row)d из %(rows)d") % {"row": delivery.row_number, "rows": upload.rows}
    known_by = "" if upload.is_static else f", {IdKind(upload.id_kind).label}"
    yield Step(
        _("Собран в выгрузку"),
        "info",
        upload.created_at,
        f"{place}{known_by}.",
    )
    for attempt in attempts:
        seen = describe(attempt, with_answer=False)
        yield Step(seen.kind_text, seen.tone, seen.at, seen.outcome_text)
    if upload.settled_at is not None and upload.state != UploadState.CANCELLED:
        yield Step(_("Метрика обработала файл"), "success", upload.settled_at, _counts(upload))


def _counts(upload: Upload) -> str:
    if upload.line_quantity is None:
        return ""
    return _("Принято строк: %(lines)d из %(rows)d.") % {
        "lines": upload.line_quantity,
        "rows": upload.rows,
    }


def resent(resends: Iterable[Resend]) -> Iterator[Step]:
    """Yield what people ordered beside the ledger."""
    for resend in resends:
        person = resend.ordered_by
        yield Step(
            _("Отправлен повторно вручную"),
            "warning",
            resend.ordered_at,
            _("%(who)s, выгрузка %(number)d: %(state)s.")
            % {
                "who": (person.get_full_name() or person.get_username()) if person else "—",
                "number": resend.upload_id,
                "state": str(resend.upload.get_state_display()).lower(),
            },
        )


def _standing(delivery: DisplayDelivery, blocker: str) -> Iterator[Step]:
    """Where the delivery stands now; why it was not to be sent has been said by the rules."""
    if delivery.state == DeliveryState.SKIPPED:
        return
    shown = DisplayState(delivery.display_state)
    yield Step(title_of(delivery), TONES[shown], text=sentence_of(delivery, blocker=blocker))
