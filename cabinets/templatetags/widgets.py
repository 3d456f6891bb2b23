"""Options of a select, quicker than the templates of `django.forms`, which include two for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag
def options(groups: Iterable[tuple[str | None, Sequence[Mapping[str, Any]], int]]) -> SafeString:
    """Draw the `optgroups` of a select as Django's own templates do.

    The filters of a list have 150 options: their templates took a third of the page's time.
    """
    return mark_safe("".join(_group(name, choices) for name, choices, _index in groups))


def _group(name: str | None, choices: Iterable[Mapping[str, Any]]) -> SafeString:
    drawn = mark_safe("".join(_option(one) for one in choices))
    if not name:
        return drawn
    return format_html('<optgroup label="{}">{}</optgroup>', name, drawn)


def _option(option: Mapping[str, Any]) -> SafeString:
    attributes = [pair for pair in option["attrs"].items() if pair[1] is not False]
    drawn = format_html_join(
        "", "{}{}", ((f" {name}", _value(value)) for name, value in attributes)
    )
    return format_html(
        '<option value="{}"{}>{}</option>', str(option["value"]), drawn, option["label"]
    )


def _value(value: object) -> str | SafeString:
    return "" if value is True else format_html('="{}"', str(value))
