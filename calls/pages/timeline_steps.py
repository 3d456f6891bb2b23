"""The steps of one timeline: what happened to a delivery, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from cabinets.people import name_of
from calls.decision.explain import Verdict
from calls.decision.reasons import GIVEN_BY_A_PERSON, reason_sentence
from calls.models import (
    Call,
    Delivery,
    Resend,
    SendOrder,
    UnlinkedApproval,
    Upload,
    UploadAttempt,
)
from calls.pages.attempt_messages import describe
from calls.pages.status_messages import changed_text, sentence_of, title_of
from calls.pages.upload_page import label_of
from calls.queries.display_state import DisplayDelivery
from calls.states import (
    MAYBE_SENT,
    NOT_SENT,
    PROCESSED_UPLOADS,
    TONES,
    DeliveryState,
    DisplayState,
    IdKind,
)

#: States of a skipped call whose reason is among the rules of its decision.
_TOLD_BY_RULES = (*NOT_SENT, DisplayState.NEEDS_DECISION, DisplayState.AWAITS_GOAL)


@dataclass(frozen=True)
class RuleLine:
    """One rule of the decision, with its requirement if it passed, else the reason."""

    ok: bool
    text: str
    #: False: the rule says nothing about this call over this channel, by these settings.
    applies: bool = True


@dataclass(frozen=True)
class Step:
    """One event; without a time, the current state."""

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
    approval: UnlinkedApproval | None = None,
    order: SendOrder | None = None,
) -> list[Step]:
    """Return the steps so far, from the call's arrival to Metrika's answer."""
    steps = [Step(_("Звонок получен"), "info", call.received_at)]
    steps += _revisions(call, delivery)
    steps += _approval(approval)
    steps += _order(order)
    steps.append(_decision(delivery, verdicts, blocker))
    if delivery.upload is not None:
        steps += _upload_steps(delivery, delivery.upload, attempts)
    steps.sort(key=lambda step: step.at or call.received_at)
    return [*steps, *_current_state(delivery, blocker)]


def _revisions(call: Call, delivery: Delivery) -> Iterator[Step]:
    if call.revision == 1:
        return
    text = changed_text(call, delivery)
    if text:
        yield Step(_("CallKeeper изменил данные звонка"), "warning", call.updated_at, text)
    else:
        yield Step(_("CallKeeper уточнил данные звонка"), "info", call.updated_at)


def _approval(approval: UnlinkedApproval | None) -> Iterator[Step]:
    if approval is not None:
        who = _("%(who)s, необратимо: Метрика не удаляет принятые звонки.")
        text = who % {"who": _name_of(approval.approved_by)}
        yield Step(_("Решено передать как непривязанный"), "info", approval.approved_at, text)


def _order(order: SendOrder | None) -> Iterator[Step]:
    if order is not None:
        who = _name_of(order.ordered_by)
        yield Step(_("Заказана отправка в этот счетчик"), "info", order.ordered_at, f"{who}.")


def _name_of(person: User | None) -> str:
    # Everybody who sees the cabinet reads it.
    return name_of(person, sees_all=False) if person else "—"


def _decision(delivery: DisplayDelivery, verdicts: list[Verdict], blocker: str) -> Step:
    skipped = delivery.state == DeliveryState.SKIPPED
    changed = _change_note(delivery, verdicts, skipped=skipped)
    why = sentence_of(delivery, blocker=blocker) if skipped and (changed or not verdicts) else ""
    title, tone = _decision_title(delivery)
    return Step(
        title=title,
        tone=tone,
        at=delivery.decided_at,
        text=" ".join(filter(None, [why, changed])),
        rules=[RuleLine(one.passed, one.text, one.applies) for one in verdicts],
    )


def _decision_title(delivery: DisplayDelivery) -> tuple[str, str]:
    """Return the title of the decision and its tone."""
    in_no_upload = delivery.upload_id is None
    if in_no_upload and delivery.display_state == DisplayState.EXPIRED:
        return _("Отправлять поздно: визит уже не найти"), "neutral"
    if delivery.display_state == DisplayState.AWAITS_SETTINGS:
        return _("Решится, когда вы сохраните настройки счетчика"), "warning"
    if delivery.display_state == DisplayState.AWAITS_GOAL:
        return _("Уйдёт, когда вы выберете другую цель"), "warning"
    if delivery.display_state == DisplayState.NEEDS_DECISION and delivery.reason == MAYBE_SENT:
        return _("Не отправлен: нужно ваше решение"), "warning"
    if delivery.display_state == DisplayState.NEEDS_DECISION:
        return _("Не отправлен: нужно ваше решение или исправленная запись"), "warning"
    if delivery.state == DeliveryState.SKIPPED:
        return _("Решено не отправлять"), "neutral"
    return _("Решено отправить"), "success"


def _change_note(delivery: Delivery, verdicts: list[Verdict], *, skipped: bool) -> str:
    """Return a note if today's rules would decide otherwise, or with other values; else ''."""
    if delivery.reason in GIVEN_BY_A_PERSON or not verdicts:
        return ""
    refused = next((one for one in verdicts if not one.passed), None)
    if (refused.code if refused else None) == (delivery.reason if skipped else None) and (
        refused is None or _has_same_values(refused, delivery)
    ):
        return ""
    if refused is None:
        return _("С тех пор звонок или настройки изменились: сейчас он прошёл бы все проверки.")
    return _("С тех пор звонок или настройки изменились. Сейчас правила сказали бы так:")


def _has_same_values(refused: Verdict, delivery: Delivery) -> bool:
    """Whether the values compared now are those of the decision, as far as it kept any."""
    if delivery.compared is None:
        return True
    return refused.text == reason_sentence(refused.code, delivery.compared)


def _upload_steps(
    delivery: DisplayDelivery, upload: Upload, attempts: Iterable[UploadAttempt]
) -> Iterator[Step]:
    place = _("Строка %(row)d из %(rows)d") % {"row": delivery.row_number, "rows": upload.rows}
    identifier = "" if upload.is_static else f", {IdKind(upload.id_kind).label}"
    yield Step(
        _("Собран в выгрузку"),
        "info",
        upload.created_at,
        f"{place}{identifier}.",
    )
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
        line = describe(attempt, with_answer=False)
        yield Step(line.kind_text, line.tone, line.at, line.outcome_text)
    if upload.state in PROCESSED_UPLOADS:
        tone = TONES[DisplayState(delivery.display_state)]
        yield Step(_("Метрика обработала файл"), tone, upload.settled_at, _counts(upload))


def _counts(upload: Upload) -> str:
    """Return what Metrika told of the file; what it did not tell is left out."""
    words = {"lines": upload.line_quantity, "linked": upload.linked_rows, "rows": upload.rows}
    told = [
        (upload.line_quantity, _("Принято строк: %(lines)d из %(rows)d.")),
        (upload.linked_rows, _("Привязано к визитам: %(linked)d из %(rows)d.")),
    ]
    return " ".join(text % words for count, text in told if count is not None)


def resend_steps(resends: Iterable[Resend]) -> Iterator[Step]:
    """Yield a step for each time a person sent the call again."""
    for resend in resends:
        yield Step(
            _("Заказана повторная отправка"),
            "warning",
            resend.ordered_at,
            _("%(who)s, выгрузка %(number)d: %(state)s.")
            % {
                "who": _name_of(resend.ordered_by),
                "number": resend.upload_id,
                "state": label_of(resend.upload).lower(),
            },
        )


def _current_state(delivery: DisplayDelivery, blocker: str) -> Iterator[Step]:
    """Yield the current state, unless the call is skipped: its rules have given the reason."""
    shown = DisplayState(delivery.display_state)
    if shown in _TOLD_BY_RULES and delivery.state == DeliveryState.SKIPPED:
        return
    yield Step(title_of(delivery), TONES[shown], text=sentence_of(delivery, blocker=blocker))
