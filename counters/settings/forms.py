"""The settings window of a counter as a form: reads a Counter, gives columns to save."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from counters.models import Counter, Goal
from counters.settings.fields import HostsField, LinesField, OrderField, PriceField
from counters.sync.goals import choosable_goals

MAX_SECONDS = 86400
DYNAMIC, STATIC = "dynamic", "static"
INCOMING_KINDS = [
    (DYNAMIC, _("Динамический коллтрекинг")),
    (STATIC, _("Статический коллтрекинг")),
]
#: Currencies of the countries where CallKeeper's customers trade, ISO 4217.
CURRENCIES = ("RUB", "USD", "EUR", "BYN", "KZT", "UZS", "AMD", "GEL", "AZN", "KGS", "TRY", "CNY")
WHOLE_NUMBER = _("Введите целое число.")
#: Columns that the form names as they are.
SAME_NAMES = (
    "enabled",
    "send_calls",
    "call_kind",
    "call_status",
    "uniqueness",
    "defer_value",
    "defer_unit",
    "tag_mode",
    "manual_tag_callback",
    "manual_tag_incoming",
    "site_mode",
    "campaigns",
    "price",
    "currency",
    "phone_mode",
    "identifier_order",
    "skip_technical",
    "last_attempt_only",
)


class CounterSettingsForm(forms.Form):
    """Settings of one counter. ``counter`` gives the choices and what is shown at first."""

    enabled = forms.BooleanField(label=_("Счетчик участвует в отправке"), required=False)
    goal = forms.TypedChoiceField(label=_("Достижение цели"), required=False, coerce=int)
    send_calls = forms.TypedChoiceField(
        label=_("Отправлять звонки"),
        choices=[("True", _("Да")), ("False", _("Нет"))],
        coerce=lambda word: word == "True",
        widget=forms.RadioSelect,
    )
    call_kind = forms.ChoiceField(
        label=_("Тип звонка"), choices=Counter.CallKind, widget=forms.RadioSelect
    )
    incoming_kinds = forms.MultipleChoiceField(
        label=_("Входящие звонки"),
        choices=INCOMING_KINDS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    min_duration = forms.IntegerField(
        label=_("Длительность от, секунд"),
        min_value=0,
        max_value=MAX_SECONDS,
        error_messages={
            "required": _("Введите число секунд; 0 — отправлять все звонки."),
            "invalid": WHOLE_NUMBER,
            "min_value": _("Не меньше 0 секунд."),
            "max_value": _("Не больше 86400 секунд: это сутки."),
        },
    )
    call_status = forms.ChoiceField(
        label=_("Статус звонка"), choices=Counter.CallStatus, widget=forms.RadioSelect
    )
    uniqueness = forms.ChoiceField(
        label=_("Дополнительно"), choices=Counter.Uniqueness, widget=forms.RadioSelect
    )
    defer_value = forms.IntegerField(
        label=_("Отложенная отправка"),
        min_value=0,
        max_value=Counter.MAX_DEFER,
        error_messages={
            "required": _("Введите число; 0 — отправлять сразу."),
            "invalid": WHOLE_NUMBER,
            "min_value": _("Не меньше 0."),
            "max_value": _("Не больше 20: Метрика привязывает звонки к визитам 21 день."),
        },
    )
    defer_unit = forms.ChoiceField(label=_("Единица"), choices=Counter.DeferUnit)
    tag_mode = forms.ChoiceField(
        label=_("Тегирование"), choices=Counter.TagMode, widget=forms.RadioSelect
    )
    manual_tag_callback = forms.CharField(
        label=_("Для обратных звонков"), max_length=255, required=False
    )
    manual_tag_incoming = forms.CharField(
        label=_("Для входящих звонков"), max_length=255, required=False
    )
    site_mode = forms.ChoiceField(
        label=_("Сайты"), choices=Counter.SiteMode, widget=forms.RadioSelect
    )
    sites = HostsField(label=_("Выбранные сайты"))
    campaigns = LinesField(label=_("Кампании"))
    price = PriceField(label=_("Ценность звонка"))
    currency = forms.ChoiceField(label=_("Валюта"))
    phone_mode = forms.ChoiceField(
        label=_("Номер телефона"), choices=Counter.PhoneMode, widget=forms.RadioSelect
    )
    identifier_order = OrderField(label=_("Порядок идентификаторов"))
    skip_technical = forms.BooleanField(label=_("Не отправлять технические отмены"), required=False)
    last_attempt_only = forms.BooleanField(
        label=_("Только последняя попытка обратного звонка"), required=False
    )
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, counter: Counter) -> None:
        super().__init__(data, initial=shown_values(counter))
        self.goals = {goal.pk: goal for goal in choosable_goals(counter)}
        self._choices("goal", [("", _("Не указано")), *map(_goal_choice, self.goals.values())])
        known = dict.fromkeys([*CURRENCIES, counter.currency or CURRENCIES[0]])
        self._choices("currency", [(code, code) for code in known])

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        kind, kinds = values.get("call_kind"), values.get("incoming_kinds")
        if kind == Counter.CallKind.INCOMING and not kinds and "incoming_kinds" in values:
            self.add_error("incoming_kinds", _("Выберите хотя бы один вид входящих звонков."))
        if values.get("site_mode") == Counter.SiteMode.LIST and values.get("sites") == []:
            self.add_error("sites", _("Укажите хотя бы один сайт."))
        if values.get("tag_mode") == Counter.TagMode.MANUAL:
            self._require_tags(kind, values)
        return values

    def columns(self) -> dict[str, Any]:
        """Return the settings as columns of a Counter. Call on a valid form."""
        values = self.cleaned_data
        # Without incoming calls the choice within them does not matter; it must not get lost.
        kinds = values["incoming_kinds"] or [DYNAMIC, STATIC]
        return {name: values[name] for name in SAME_NAMES} | {
            "goal": self.goals.get(values["goal"] or 0),
            "accepts_dynamic": DYNAMIC in kinds,
            "accepts_static": STATIC in kinds,
            "min_duration_seconds": values["min_duration"],
            "site_hosts": values["sites"],
        }

    def _require_tags(self, kind: str | None, values: dict[str, Any]) -> None:
        """A text is needed for the kinds of calls that are sent."""
        needed = {
            "manual_tag_callback": kind != Counter.CallKind.INCOMING,
            "manual_tag_incoming": kind != Counter.CallKind.CALLBACK,
        }
        for name, is_needed in needed.items():
            if is_needed and values.get(name) == "":
                self.add_error(name, _("Введите тег или выберите другой способ тегирования."))

    def _choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


def shown_values(counter: Counter) -> dict[str, Any]:
    """Return the counter's settings by the names of the form."""
    kinds = {DYNAMIC: counter.accepts_dynamic, STATIC: counter.accepts_static}
    return {name: getattr(counter, name) for name in SAME_NAMES} | {
        "goal": counter.goal_id or "",
        "incoming_kinds": [kind for kind, accepted in kinds.items() if accepted],
        "min_duration": counter.min_duration_seconds,
        "sites": counter.site_hosts,
        "campaigns": "\n".join(counter.campaigns),
        "version": counter.version,
    }


def _goal_choice(goal: Goal) -> tuple[int, str]:
    if goal.deleted_at is not None:
        return goal.pk, _("%(name)s — цель удалена") % {"name": goal.name}
    return goal.pk, f"{goal.name} ({goal.identifier})"
