"""The preview in the settings window: what would become of the last calls with the edited form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.plurals import plural
from cabinets.quotes import quoted
from calls.decision.reasons import REASON_TITLES
from calls.queries.effect_on_waiting import effect_on_waiting
from calls.queries.settings_preview import DAYS, Preview, TooManyCalls, preview_of
from counters.models import Counter
from counters.settings.fields import amount_text
from counters.settings.forms import CounterSettingsForm
from dashboard.first_save import draft_of
from dashboard.preview_examples import Example, examples_of
from dashboard.saved_settings import waiting_sentence

_TOO_MANY = gettext_lazy(
    "Звонков за %(days)d дней слишком много, чтобы посчитать их на ходу. Настройки можно сохранить "
    "и без этого."
)


@dataclass(frozen=True)
class ReasonRow:
    """A reason and how many calls it keeps back, by the channels in use."""

    title: str
    counts: Sequence[str]


@dataclass(frozen=True)
class Panel:
    """The preview in words; ``problem`` instead of all else when it cannot be computed."""

    problem: str = ""
    sentence: str = ""
    short: str = ""
    change: str = ""
    channels: Sequence[str] = ()
    sent_over: Sequence[str] = ()
    reasons: Sequence[ReasonRow] = ()
    unrouted: str = ""
    warning: str = ""
    waiting: str = ""
    worth: str = ""
    examples: Sequence[Example] = ()


def panel_of(data: Any, saved: Counter, *, now: datetime) -> Panel:
    """Return the preview of the posted form ``data``; nothing is stored."""
    form = CounterSettingsForm(data, counter=saved)
    if not form.is_valid():
        return Panel(problem=_problem(form))
    draft = draft_of(form, saved)
    try:
        preview = preview_of(draft, saved, now=now)
    except TooManyCalls:
        return Panel(problem=_TOO_MANY % {"days": DAYS})
    return _panel(preview, draft, saved, now)


def _panel(preview: Preview, draft: Counter, saved: Counter, now: datetime) -> Panel:
    return Panel(
        sentence=_sentence(preview),
        short=_short(preview),
        change=_change(preview) if saved.configured_at else "",
        channels=[str(channel.label) for channel in preview.channels],
        sent_over=[_number(preview.sent_over[channel]) for channel in preview.channels],
        reasons=_reasons(preview),
        unrouted=_unrouted(preview),
        warning=""
        if draft.enabled
        else _("Счетчик выключен: пока его не включат, не уйдёт ничего."),
        waiting=_waiting(draft, now) if saved.configured_at else "",
        worth=_worth(preview, saved),
        examples=examples_of(preview, draft, saved) if saved.configured_at else (),
    )


def _waiting(draft: Counter, now: datetime) -> str:
    """Return what saving would do to the calls that wait."""
    return waiting_sentence(effect_on_waiting(draft, now=now))


def _problem(form: CounterSettingsForm) -> str:
    labels = [quoted(form.fields[name].label or "") for name in form.errors if name in form.fields]
    return _("Исправьте, и посчитаем снова: %(fields)s.") % {"fields": ", ".join(labels)}


def _sentence(preview: Preview) -> str:
    if not preview.channels:
        return _("«Отправлять звонки» — «Нет», и цель не выбрана: не ушло бы ничего.")
    if not preview.total:
        return _("За последние %(days)d дней звонков для этого счетчика не было.") % {"days": DAYS}
    text = plural(
        preview.total,
        _("С этими настройками за последние %(days)d дней ушло бы %(sent)s из %(total)s звонка."),
        _("С этими настройками за последние %(days)d дней ушло бы %(sent)s из %(total)s звонков."),
        _("С этими настройками за последние %(days)d дней ушло бы %(sent)s из %(total)s звонков."),
    )
    return text % _numbers(preview)


def _short(preview: Preview) -> str:
    if not preview.total:
        return ""
    return _("За %(days)d дней ушло бы %(sent)s из %(total)s") % _numbers(preview)


def _numbers(preview: Preview) -> dict[str, Any]:
    return {"days": DAYS, "sent": _number(preview.sent), "total": _number(preview.total)}


def _change(preview: Preview) -> str:
    """Return how many calls would begin and cease to be sent, against the saved settings."""
    if preview.gained and preview.lost:
        text = _("По сравнению с сохранёнными: начнут уходить %(gained)s, перестанут %(lost)s.")
    elif preview.gained:
        text = _("По сравнению с сохранёнными начнут уходить: %(gained)s.")
    elif preview.lost:
        text = _("По сравнению с сохранёнными перестанут уходить: %(lost)s.")
    else:
        return _("Столько же, сколько с сохранёнными настройками.")
    return text % {"gained": _number(preview.gained), "lost": _number(preview.lost)}


def _reasons(preview: Preview) -> list[ReasonRow]:
    """Return the reasons, the most frequent first."""
    refused = [preview.refused[channel] for channel in preview.channels]
    counts = {code: [tally[code] for tally in refused] for one in refused for code in one}
    ordered = sorted(counts, key=lambda code: (-max(counts[code]), code))
    return [
        ReasonRow(
            str(REASON_TITLES[code]), [_number(count) if count else "—" for count in counts[code]]
        )
        for code in ordered
    ]


def _unrouted(preview: Preview) -> str:
    count = preview.unrouted.total()
    if not count:
        return ""
    parts = [
        _("%(reason)s: %(count)s") % {"reason": REASON_TITLES[code], "count": _number(of_reason)}
        for code, of_reason in preview.unrouted.most_common()
    ]
    text = plural(
        count,
        _("Ещё %(count)s звонок кабинета к этому счетчику не относится (%(parts)s)."),
        _("Ещё %(count)s звонка кабинета к этому счетчику не относятся (%(parts)s)."),
        _("Ещё %(count)s звонков кабинета к этому счетчику не относятся (%(parts)s)."),
    )
    return text % {"count": _number(count), "parts": "; ".join(parts)}


def _worth(preview: Preview, saved: Counter) -> str:
    """Return what the calls that go are worth, and what they are with the saved settings."""
    now, before = _amounts(preview.worth), _amounts(preview.worth_before)
    if not now and not before:
        return ""
    if now == before or not saved.configured_at:
        return _("Ценность этих звонков: %(amount)s.") % {"amount": now}
    text = _("Ценность этих звонков: %(amount)s, с сохранёнными настройками — %(before)s.")
    none = _("без ценности")
    return text % {"amount": now or none, "before": before or none}


def _amounts(worth: Mapping[str, Decimal]) -> str:
    return " + ".join(
        f"{amount_text(amount)} {currency}" for currency, amount in sorted(worth.items())
    )


def _number(count: int) -> str:
    return number_format(count, force_grouping=True)
