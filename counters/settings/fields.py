"""Form fields of the settings window: goal, yes or no, lists by lines, price, identifier order."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import permutations
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.formats import localize, number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from counters.hosts import normalise_host, readable_host
from counters.models import Goal

MAX_LINES = 200
MAX_LINE_LENGTH = 255
#: Currencies of the countries where CallKeeper's customers trade, ISO 4217.
CURRENCIES = ("RUB", "USD", "EUR", "BYN", "KZT", "UZS", "AMD", "GEL", "AZN", "KGS", "TRY", "CNY")
IDENTIFIERS = ("ClientId", "Yclid", "UserId")
SEPARATOR = ","


def lines_of(text: str) -> list[str]:
    """Return the lines without blank and repeated ones, in their order."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def identifier_orders() -> list[tuple[str, str]]:
    """Return the six orders of identifiers as choices, in the language in force."""
    then = gettext(", затем ")
    return [(SEPARATOR.join(order), then.join(order)) for order in permutations(IDENTIFIERS)]


def amount_text(amount: Decimal) -> str:
    """Return an amount for people: with its cents if it has some."""
    is_whole = amount == amount.to_integral_value()
    return number_format(amount, 0 if is_whole else 2, force_grouping=True)


class GoalField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic in the stubs only
    """A goal of the counter, or none. The form sets the queryset."""

    default_error_messages = {
        "invalid_choice": forms.ChoiceField.default_error_messages["invalid_choice"]
    }

    def __init__(self, **kwargs: Any) -> None:
        values: dict[str, Any] = {"required": False, "empty_label": _("Не указано")} | kwargs
        super().__init__(Goal.objects.none(), **values)

    def label_from_instance(self, goal: Goal) -> str:
        if goal.deleted_at is not None:
            return gettext("%(name)s — цель удалена") % {"name": goal.name}
        return f"{goal.name} ({goal.identifier})"


class YesNoField(forms.TypedChoiceField):
    """«Да» or «Нет» as radio buttons, one of which has to be chosen; cleans to a bool."""

    widget = forms.RadioSelect

    def __init__(self, **kwargs: Any) -> None:
        choices = [("True", _("Да")), ("False", _("Нет"))]
        super().__init__(choices=choices, coerce=lambda word: word == "True", **kwargs)


class WaitingCallsField(forms.TypedChoiceField):
    """What to do with calls that came before the first save; cleans to whether they are sent."""

    widget = forms.RadioSelect

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Звонки, которые пришли до сохранения"),
            choices=[
                ("send", _("Отправить их по этим настройкам")),
                ("skip", _("Не отправлять")),
            ],
            coerce=lambda word: word == "send",
            error_messages={"required": _("Выберите, что сделать с этими звонками.")},
            **kwargs,
        )


class LinesField(forms.CharField):
    """One value per line; cleans to a list."""

    widget = forms.Textarea(attrs={"rows": 3})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=MAX_LINES * MAX_LINE_LENGTH, **kwargs)

    def clean(self, value: Any) -> Any:
        lines = lines_of(super().clean(value))
        if len(lines) > MAX_LINES:
            raise ValidationError(
                _("Не больше %(limit)s строк."), code="too_many", params={"limit": MAX_LINES}
            )
        for line in lines:
            if len(line) > MAX_LINE_LENGTH:
                raise ValidationError(
                    _("Строка «%(line)s…» слишком длинная."),
                    code="too_long",
                    params={"line": line[:40]},
                )
        return lines

    def prepare_value(self, value: Any) -> Any:
        """Show a stored list by lines."""
        return value if isinstance(value, str) else "\n".join(map(self.readable, value or ()))

    @staticmethod
    def readable(line: str) -> str:
        """Return a stored value as a person writes it."""
        return line


class HostsField(LinesField):
    """One site per line, as people write sites; cleans to a list of hosts."""

    def clean(self, value: Any) -> Any:
        return list(dict.fromkeys(self._host(line) for line in super().clean(value)))

    @staticmethod
    def readable(line: str) -> str:
        """Return a stored host in its own letters."""
        return readable_host(line)

    @staticmethod
    def _host(line: str) -> str:
        host = normalise_host(line)
        if not host:
            raise ValidationError(
                _("«%(line)s» не похоже на адрес сайта. Пример: site.ru"),
                code="bad_site",
                params={"line": line},
            )
        return host


class PriceField(forms.DecimalField):
    """An amount of money; «1 500,50» is as good as 1500.50."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            min_value=Decimal(0),
            max_digits=12,
            decimal_places=2,
            widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            error_messages={
                "invalid": _("Введите сумму числом, например 1500 или 1500,50."),
                "min_value": _("Сумма не может быть отрицательной."),
                "max_decimal_places": _("Не больше двух знаков после запятой."),
                "max_whole_digits": _("Слишком большая сумма."),
                "max_digits": _("Слишком большая сумма."),
            },
            **kwargs,
        )

    # The stubs derive DecimalField from IntegerField.
    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        text = "".join(str(value or "").split()).replace(",", ".")
        return super().to_python(text)

    def prepare_value(self, value: Any) -> Any:
        return localize(value) if isinstance(value, Decimal) else value


class OrderField(forms.TypedChoiceField):
    """One of the six orders in which identifiers are tried; cleans to a list."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=identifier_orders, coerce=lambda order: order.split(SEPARATOR), **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        is_list = isinstance(value, Iterable) and not isinstance(value, str)
        return SEPARATOR.join(value) if is_list else value
