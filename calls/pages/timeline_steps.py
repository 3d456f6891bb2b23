"""The steps of one timeline: what happened to a delivery, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.decision.explain import Verdict
from calls.decision.reasons import GIVEN_BY_A_PERSON, reason_sentence
from calls.models import Call, Delivery, UploadAttempt
from calls.pages.status_messages import changed_text, sentence_of
from calls.pages.timeline_orders import ends_with
from calls.pages.timeline_step import RuleLine, Step
from calls.pages.timeline_uploads import link_step, state_step, upload_steps
from calls.pages.timeline_way import way_of
from calls.queries.display_state import DisplayDelivery, is_changed_after_send
from calls.queries.link_proofs import Link
from calls.states import MAYBE_SENT, DeliveryState, DisplayState


def steps_of(
    call: Call,
    delivery: DisplayDelivery,
    *,
    verdicts: list[Verdict],
    attempts: Iterable[UploadAttempt],
    blocker: str,
    orders: Iterable[Step] = (),
    way: str = "",
    changed: str = "",
    link: Link | None = None,
    late: str = "",
    now: datetime,
    sees_answers: bool = True,
) -> list[Step]:
    """Return the steps so far, from the call's arrival to Metrika's answer, and the expected one.

    ``orders`` are those of people. ``way`` is how the call came in, '' when that is not known.
    ``changed`` is what of the row as sent has changed since, ``late`` what made it expire; '' for
    nothing.
    """
    orders = list(orders)
    called_off = ends_with(delivery, orders)
    steps = [received_step(call, way), *_revisions(call, _change_text(call, delivery, changed))]
    steps += [one for one in orders if one is not called_off]
    state = [
        replace(one, text=f"{one.text} {late}".strip())
        for one in state_step(delivery, blocker, now, link)
    ]
    decision = _decision(delivery, verdicts, blocker, who=called_off.text if called_off else "")
    steps.append(replace(decision, is_state=not state))
    if delivery.upload is not None:
        upload = delivery.upload
        steps += upload_steps(delivery, upload, list(attempts), sees_answers=sees_answers)
    steps += [*state, *link_step(link)]
    # What has no time is known to come after what led to it.
    return sorted(steps, key=lambda step: (step.is_next, step.at is None, step.at or now))


def received_step(call: Call, way: str) -> Step:
    """Return the first step of every call."""
    return Step(_("Звонок получен"), "info", call.received_at, way, is_of_call=True)


def steps_of_call(call: Call) -> list[Step]:
    """Return the steps of a call that has no delivery. Load it with its source."""
    return [received_step(call, way_of(call)), *_revisions(call)]


def _change_text(call: Call, delivery: Delivery, changed: str) -> str:
    """Return what a change of the call means for the delivery; '' when it touched nothing sent."""
    is_untouched = is_changed_after_send(call, delivery) and not changed
    return "" if is_untouched else changed_text(call, delivery)


def _revisions(call: Call, text: str = "") -> Iterator[Step]:
    if call.revision == 1:
        return
    title = _("CallKeeper изменил данные звонка") if text else _("CallKeeper уточнил данные звонка")
    yield Step(
        title,
        "warning" if text else "info",
        call.updated_at,
        " ".join(filter(None, [text, _former_revisions(call)])),
        is_of_call=not text,
        is_revision=True,
    )


def _former_revisions(call: Call) -> str:
    """Return how often it was changed before the last time, of which alone the time is stored."""
    if call.revision == 2:
        return ""
    words = _("Раньше данные менялись ещё, раз: %(count)d; время этих изменений не записано.")
    return words % {"count": call.revision - 2}


def _decision(
    delivery: DisplayDelivery, verdicts: list[Verdict], blocker: str, *, who: str
) -> Step:
    skipped = delivery.state == DeliveryState.SKIPPED
    changed = _change_note(delivery, verdicts, skipped=skipped)
    by_a_person = delivery.reason in GIVEN_BY_A_PERSON
    is_told_by_rules = verdicts and not changed and not by_a_person
    why = "" if is_told_by_rules or not skipped else sentence_of(delivery, blocker=blocker)
    title, tone = _decision_title(delivery)
    return Step(
        title=title,
        tone=tone,
        at=delivery.decided_at,
        text=" ".join(filter(None, [why, who, changed, _held_note(delivery)])),
        rules=rule_lines(verdicts),
        note=_version_note(delivery),
    )


def rule_lines(verdicts: Iterable[Verdict]) -> list[RuleLine]:
    """Return the lines of the rules in their order."""
    return [
        RuleLine(one.passed, one.text, one.applies, one.looked_at, one.code) for one in verdicts
    ]


def _held_note(delivery: DisplayDelivery) -> str:
    """Return until when a delivery that is not held any more was; '' for none."""
    until = delivery.not_before
    is_over = delivery.display_state != DisplayState.HELD and delivery.upload_id is not None
    if not is_over or until is None or until <= delivery.decided_at:
        return ""
    moment = date_format(timezone.localtime(until), "j E, H:i")
    return _("Был отложен до %(moment)s.") % {"moment": moment}


def _version_note(delivery: DisplayDelivery) -> str:
    """Return by which settings it was decided, and whether they were changed since."""
    version, latest = delivery.settings_version, delivery.counter.version
    if not version:
        return ""
    if version == latest:
        return _("по настройкам версии %(version)d") % {"version": version}
    words = {"version": version, "latest": latest}
    return _("по настройкам версии %(version)d, сейчас версия %(latest)d") % words


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
