"""Template tags of the cabinet's pages: icons, small charts, durations. They make no queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from django import template
from django.conf import settings
from django.contrib.auth.models import User
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from cabinets.help_links import help_url
from cabinets.people import name_of
from cabinets.quotes import quoted
from cabinets.undo import read_undo

register = template.Library()

SPRITE = "vendor/tabler-icons-3.51.0/sprite.svg"

# The sparkline in units of its viewBox: bars 4 wide, 2 apart, 24 high at most.
BAR_WIDTH = 4
BAR_STEP = 6
CHART_HEIGHT = 24
# A day with no calls has a visible bar too; a day with calls has always a higher one.
EMPTY_BAR = 1
MIN_BAR = 3

RELATIVE = mark_safe(" data-relative")

# No part of the bar is drawn thinner than this many per cent: it must be visible.
MIN_SHARE = 1.0


class Total(Protocol):
    """The count of one state; the tone is its colour."""

    @property
    def label(self) -> str: ...
    @property
    def tone(self) -> str: ...
    @property
    def count(self) -> int: ...


register.filter("undo", read_undo)
register.filter("quoted", quoted)


@register.simple_tag(takes_context=True)
def person_name(context: Mapping[str, Any], person: User) -> str:
    """Return the person's name as who reads the page may see it."""
    return name_of(person, sees_all=bool(context.get("can_manage")))


@register.simple_tag
def support_email() -> SafeString:
    """Return the address of support as a link; a tag, because 500.html has no context."""
    return format_html('<a href="mailto:{0}">{0}</a>', settings.SUPPORT_EMAIL)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of the vendored sprite; decorative, so hidden from screen readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static(SPRITE),
        name,
    )


@register.simple_tag
def badge(tone: str, text: object) -> SafeString:
    """Draw a state in one or two words; the tone is its colour.

    success, info, progress, neutral, warning or danger. A list draws hundreds: an included template
    for each took a third of the page's time.
    """
    return format_html('<span class="badge badge--{}">{}</span>', tone or "neutral", text)


@register.simple_tag
def moment(at: datetime | None, empty: object = "", *, relative: bool = False) -> SafeString:
    """Draw a time in the cabinet's zone, or ``empty`` when there is none.

    ``relative``: as «3 минуты назад», which a script keeps up to date.
    """
    if not at:
        return format_html('<span class="soft">{}</span>', empty or "—")
    local = timezone.localtime(at) if timezone.is_aware(at) else at
    # English writes the names of months with a capital, Russian without.
    text = date_format(local, "j M Y, H:i" if get_language() == "en" else "j b Y, H:i")
    return format_html(
        '<time datetime="{}" title="{}:{}"{}>{}</time>',
        local.isoformat(),
        text,
        f"{local.second:02}",
        RELATIVE if relative else "",
        text,
    )


@register.simple_tag
def help_link(code: object, about: object = "") -> SafeString:
    """Draw a link to the help page of a code, or nothing without a code.

    ``about``: what the sentence beside it is about; read out, for a page has several such links.
    """
    if not code:
        return mark_safe("")
    return format_html(
        '<a class="help-link" href="{}">{}{}</a>',
        help_url(str(code)),
        _("Подробнее"),
        format_html('<span class="visually-hidden">: {}</span>', about) if about else "",
    )


def bar_height(value: int, peak: int) -> int:
    """Return the height of one day's bar in units of the chart; ``peak``: the highest day."""
    if value <= 0:
        return EMPTY_BAR
    return max(MIN_BAR, round(value * CHART_HEIGHT / peak))


@register.inclusion_tag("elements/sparkline.html")
def sparkline(values: Sequence[int]) -> dict[str, Any]:
    """Draw calls sent per day, oldest first, as a small bar chart."""
    peak = max(values, default=0)
    return {
        "bars": _bars(bar_height(value, peak) for value in values),
        "chart_width": max(len(values) * BAR_STEP - (BAR_STEP - BAR_WIDTH), BAR_WIDTH),
        "chart_height": CHART_HEIGHT,
        "days": len(values),
        "total": sum(values),
    }


def _bars(heights: Iterable[int]) -> str:
    """Return the SVG path of the bars: one element, however many days."""
    return "".join(
        f"M{day * BAR_STEP} {CHART_HEIGHT}v-{height}h{BAR_WIDTH}v{height}z"
        for day, height in enumerate(heights)
    )


@register.inclusion_tag("elements/share_bar.html")
def share_bar(totals: Iterable[Total]) -> dict[str, Any]:
    """Draw totals as one bar of coloured parts, in the given order."""
    shown = [total for total in totals if total.count > 0]
    whole = sum(total.count for total in shown)
    widths = [max(MIN_SHARE, total.count * 100 / whole) for total in shown]
    scale = 100 / sum(widths) if widths else 1
    parts, x = [], 0.0
    for total, width in zip(shown, widths, strict=True):
        parts.append(
            {"label": total.label, "tone": total.tone, "count": total.count}
            | {"x": f"{x:.3f}", "width": f"{width * scale:.3f}"}
        )
        x += width * scale
    return {"parts": parts}


@register.filter
def talk_time(seconds: int | None) -> str:
    """Format a duration as Metrika's reports do: `1:31`, and `1:02:03` from an hour on."""
    if seconds is None:
        return "—"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
