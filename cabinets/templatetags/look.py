"""How the cabinet's pages draw things: icons, small charts, durations. No queries here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

SPRITE = "vendor/tabler-icons-3.51.0/sprite.svg"

# One day of the small chart, in the units of its viewBox: bars 4 wide, 2 apart, 24 high at most.
BAR_WIDTH = 4
BAR_STEP = 6
CHART_HEIGHT = 24
# A day with nothing still shows a foot, and a day with something always stands above it.
EMPTY_BAR = 1
LEAST_BAR = 3

# A share that is not nothing is never drawn thinner than this many per cent: it must be seen.
LEAST_SHARE = 1.0


class Total(Protocol):
    """How many there are of one state; the tone is its colour."""

    @property
    def label(self) -> str: ...
    @property
    def tone(self) -> str: ...
    @property
    def count(self) -> int: ...


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of the vendored sprite. It decorates: the words beside it carry the meaning."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static(SPRITE),
        name,
    )


def bar_height(value: int, peak: int) -> int:
    """Height of one day's bar, in units of the chart, for the highest value of all days."""
    if value <= 0:
        return EMPTY_BAR
    return max(LEAST_BAR, round(value * CHART_HEIGHT / peak))


@register.inclusion_tag("elements/sparkline.html")
def sparkline(values: Sequence[int]) -> dict[str, Any]:
    """Draw calls sent per day, oldest first, as a bar chart of a few millimetres."""
    peak = max(values, default=0)
    heights = [bar_height(value, peak) for value in values]
    return {
        "bars": [
            {"x": day * BAR_STEP, "y": CHART_HEIGHT - height, "height": height, "value": value}
            for day, (height, value) in enumerate(zip(heights, values, strict=True))
        ],
        "bar_width": BAR_WIDTH,
        "chart_width": max(len(values) * BAR_STEP - (BAR_STEP - BAR_WIDTH), BAR_WIDTH),
        "chart_height": CHART_HEIGHT,
        "days": len(values),
        "total": sum(values),
    }


@register.inclusion_tag("elements/share_bar.html")
def share_bar(totals: Iterable[Total]) -> dict[str, Any]:
    """Draw totals as one bar of coloured parts, in the order given."""
    shown = [total for total in totals if total.count > 0]
    whole = sum(total.count for total in shown)
    widths = [max(LEAST_SHARE, total.count * 100 / whole) for total in shown]
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
    """Write a duration as Metrika's reports do: `1:31`, and `1:02:03` from an hour on."""
    if seconds is None:
        return "—"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
