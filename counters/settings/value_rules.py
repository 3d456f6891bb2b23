"""Value rules of a counter: what a call is worth, by its kind, duration, tag and so on.

A rule is a mapping with the keys of what it asks for, and "price" and "currency"; the first rule
that a call meets gives its value. `calls.decision.value_rules` has the conditions as SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from counters.hosts import normalise_host, readable_host
from counters.settings.fields import CURRENCIES, PriceField, amount_text

#: The name of the rows in HTML.
PREFIX = "value_rules"
MAX_RULES = 20
#: Rows of a form with gaps; further ones are not read.
MAX_ROWS = 100
MAX_SECONDS = 86400

ValueRule = dict[str, Any]

KINDS = [
    ("callback", _("Обратный звонок")),
    ("incoming", _("Входящий звонок")),
    ("dynamic", _("Динамический коллтрекинг")),
    ("static", _("Статический коллтрекинг")),
]
FIRST = [("True", _("Первый (уникальный)")), ("False", _("Повторный"))]
TARGET = [("True", _("Целевой")), ("False", _("Нецелевой"))]


def _any(choices: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [("", _("Любой")), *choices]


def _is_true(word: str) -> bool:
    return word == "True"


class ValueRuleForm(forms.Form):
    """One row of the list of rules; a row without anything in it is no rule."""

    place = forms.IntegerField(label=_("Порядок"), required=False, min_value=1, max_value=999)
    kind = forms.ChoiceField(label=_("Тип звонка"), choices=_any(KINDS), required=False)
    is_first = forms.TypedChoiceField(
        label=_("Первый или повторный"),
        choices=_any(FIRST),
        coerce=_is_true,
        empty_value=None,
        required=False,
    )
    is_target = forms.TypedChoiceField(
        label=_("Целевой"),
        choices=_any(TARGET),
        coerce=_is_true,
        empty_value=None,
        required=False,
    )
    min_seconds = forms.IntegerField(
        label=_("Разговор от, секунд"), required=False, min_value=0, max_value=MAX_SECONDS
    )
    max_seconds = forms.IntegerField(
        label=_("Разговор до, секунд"), required=False, min_value=0, max_value=MAX_SECONDS
    )
    tag = forms.CharField(label=_("Тег"), required=False, max_length=255)
    campaign = forms.CharField(label=_("Кампания"), required=False, max_length=255)
    site = forms.CharField(label=_("Сайт"), required=False, max_length=255)
    price = PriceField(label=_("Ценность"))
    currency = forms.ChoiceField(label=_("Валюта"), required=False)
    #: Read before anything else of the row: a removed row may have errors.
    removed = forms.BooleanField(label=_("Убрать правило"), required=False)

    #: What a rule may ask for, in the order of the row.
    CONDITIONS = (
        *("kind", "is_first", "is_target", "min_seconds", "max_seconds"),
        *("tag", "campaign", "site"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.initial.get("currency") or self.data.get(self.add_prefix("currency"))
        known = dict.fromkeys([*CURRENCIES, *filter(is_currency, [chosen])])
        cast(forms.ChoiceField, self.fields["currency"]).choices = [(one, one) for one in known]

    @property
    def is_removed(self) -> bool:
        """Whether the person has ticked «Убрать правило»."""
        return self.add_prefix("removed") in self.data

    def clean_site(self) -> str:
        site = str(self.cleaned_data["site"])
        host = normalise_host(site)
        if site and not host:
            text = _("«%(line)s» не похоже на адрес сайта. Пример: site.ru")
            raise ValidationError(text, code="bad_site", params={"line": site})
        return host

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        least, most = values.get("min_seconds"), values.get("max_seconds")
        if least is not None and most is not None and least > most:
            self.add_error("max_seconds", _("Меньше, чем «от»."))
        if values.get("price") is None and "price" not in self.errors and self._asks(values):
            self.add_error("price", _("Введите сумму; 0 — звонок ничего не стоит."))
        return values

    def _asks(self, values: Mapping[str, Any]) -> bool:
        return any(values.get(key) not in (None, "") for key in self.CONDITIONS)

    def rule(self) -> ValueRule | None:
        """Return the rule of a valid row; None of an empty one."""
        values = self.cleaned_data
        if values["price"] is None:
            return None
        asked = {key: values[key] for key in self.CONDITIONS if values[key] not in (None, "")}
        currency = values["currency"] or CURRENCIES[0]
        return asked | {"price": f"{values['price']:.2f}", "currency": currency}


class RowCount(forms.TextInput):
    """The number of rows that were posted; the template renders it with the rows."""

    def id_for_label(self, id_: str | None) -> str:
        """Return nothing: an error leads to the caption of the rows."""
        return ""


class ValueRulesField(forms.Field):
    """The rows of the value rules; cleans to the list of rules.

    A form without the rows leaves the saved rules as they are.
    """

    widget = RowCount

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.saved: list[ValueRule] = []
        self.posted: list[ValueRuleForm] | None = None

    def read(self, data: Any, saved: Sequence[ValueRule]) -> None:
        """Take the rows out of posted data, if it has them; ``saved`` are the counter's rules."""
        self.saved = [*saved]
        count = _row_count(data.get(PREFIX, "")) if data else None
        if count is not None:
            rows = (ValueRuleForm(data, prefix=f"{PREFIX}-{at}") for at in range(count))
            self.posted = [row for row in rows if not row.is_removed]

    def prepare_value(self, value: Any) -> Any:
        """Return nothing: the rows are shown by `rows`."""
        return None

    def clean(self, value: Any) -> Any:
        """Return the rules in their order; the ValidationError has a sentence for each fault."""
        if self.posted is None:
            return self.saved
        problems = [one for at, row in enumerate(self.posted, 1) for one in _problems(at, row)]
        if problems:
            raise ValidationError(problems)
        rules = [(_place(row, at), row.rule()) for at, row in enumerate(self.posted, 1)]
        found = [rule for _at, rule in sorted(rules, key=itemgetter(0)) if rule is not None]
        if len(found) > MAX_RULES:
            raise ValidationError(_("Не больше %(limit)s правил."), params={"limit": MAX_RULES})
        return found

    @property
    def rows(self) -> list[ValueRuleForm]:
        """Return the rows to show: those with something in them, and an empty one."""
        if self.posted is None:
            shown = [_shown(at, rule) for at, rule in enumerate(self.saved)]
        else:
            shown = [row for row in self.posted if not row.is_valid() or row.rule() is not None]
        return [*shown, ValueRuleForm(prefix=f"{PREFIX}-{_next(shown)}")]

    @property
    def count(self) -> int:
        """Return the number of rows that the page has, with gaps."""
        return _next(self.rows)

    @property
    def pattern(self) -> ValueRuleForm:
        """Return the row that a script copies."""
        return ValueRuleForm(prefix=f"{PREFIX}-__n__")


def rule_text(rule: Mapping[str, Any]) -> str:
    """Return a rule in words: what it asks for, and the value."""
    asked = [str(text) % {"value": _shown_value(key, rule)} for key, text in _WORDS if key in rule]
    return gettext("%(asked)s — %(price)s %(currency)s") % {
        "asked": ", ".join(asked) or gettext("любой звонок"),
        "price": amount_text(Decimal(rule["price"])),
        "currency": rule["currency"],
    }


def is_currency(code: object) -> bool:
    """Whether it is a code of three capital letters."""
    return isinstance(code, str) and re.fullmatch("[A-Z]{3}", code) is not None


_WORDS: tuple[tuple[str, Any], ...] = (
    ("kind", "%(value)s"),
    ("is_first", "%(value)s"),
    ("is_target", "%(value)s"),
    ("min_seconds", _("от %(value)s с")),
    ("max_seconds", _("до %(value)s с")),
    ("tag", _("тег «%(value)s»")),
    ("campaign", _("кампания «%(value)s»")),
    ("site", _("сайт %(value)s")),
)
_CHOICES = {"kind": dict(KINDS), "is_first": dict(FIRST), "is_target": dict(TARGET)}


def _shown_value(key: str, rule: Mapping[str, Any]) -> str:
    value = rule[key]
    if key in _CHOICES:
        return str(_CHOICES[key].get(str(value), value)).lower()
    return readable_host(value) if key == "site" else str(value)


def _shown(at: int, rule: ValueRule) -> ValueRuleForm:
    initial = rule | {"place": at + 1, "price": Decimal(rule["price"])}
    if "site" in rule:
        initial["site"] = readable_host(rule["site"])
    return ValueRuleForm(initial=initial, prefix=f"{PREFIX}-{at}")


def _next(rows: Sequence[ValueRuleForm]) -> int:
    numbers = [int(str(row.prefix).rpartition("-")[2]) for row in rows]
    return max(numbers, default=-1) + 1


def _row_count(text: Any) -> int | None:
    digits = str(text)
    return min(int(digits), MAX_ROWS) if re.fullmatch("[0-9]{1,3}", digits) else None


def _problems(at: int, row: ValueRuleForm) -> Iterator[str]:
    for name, errors in row.errors.items():
        text = gettext("Правило %(number)d, «%(label)s»: %(error)s")
        for error in errors:
            yield text % {"number": at, "label": row.fields[name].label, "error": error}


def _place(row: ValueRuleForm, at: int) -> tuple[int, int]:
    return (row.cleaned_data["place"] or MAX_ROWS * 10, at)
