"""The settings window of a counter as a form; the list of settings is `Counter.SETTINGS`."""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import Any, ClassVar, cast

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from counters.models import Counter
from counters.settings.fields import (
    CURRENCIES,
    GoalField,
    HostsField,
    LinesField,
    OrderField,
    PriceField,
    WaitingCallsField,
    YesNoField,
)
from counters.settings.rules import problems_of
from counters.settings.save import save_settings
from counters.settings.value_rules import ValueRulesField
from counters.sync.goals import choosable_goals

MAX_SECONDS = 86400
#: The column behind each box of the list «Какие входящие звонки».
INCOMING_KINDS = {"dynamic": "accepts_dynamic", "static": "accepts_static"}
WHOLE_NUMBER = _("Введите целое число.")
#: Settings whose name in HTML is not the column's.
HTML_NAMES = {"min_duration_seconds": "min_duration", "site_hosts": "sites"}


def label_of(name: str) -> Any:
    """Return the label of a setting: the column's verbose name."""
    return Counter._meta.get_field(name).verbose_name  # type: ignore[union-attr]  # a column


class CounterSettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Settings of one counter: one field per name of `Counter.SETTINGS`, with the model's label.

    Declared here is only what the model does not say: limits, texts of errors, how a value is
    typed. ``counter`` itself is not changed; `save` writes the row. ``waiting_calls`` is the number
    of calls that wait for the first save, ``waiting_text`` the same for people; if there are any,
    the form asks what to do with them.
    """

    goal = GoalField()
    callback_goal = GoalField(empty_label=_("Та же цель"))
    send_calls = YesNoField()
    incoming_kinds = forms.MultipleChoiceField(
        label=_("Входящие звонки"),
        choices=[(kind, label_of(column)) for kind, column in INCOMING_KINDS.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    min_duration_seconds = forms.IntegerField(
        min_value=0,
        max_value=MAX_SECONDS,
        error_messages={
            "required": _("Введите число секунд; 0 — отправлять все звонки."),
            "invalid": WHOLE_NUMBER,
            "min_value": _("Не меньше 0 секунд."),
            "max_value": _("Не больше 86400 секунд: это сутки."),
        },
    )
    defer_value = forms.IntegerField(
        min_value=0,
        max_value=Counter.MAX_DEFER,
        error_messages={
            "required": _("Введите число; 0 — отправлять сразу."),
            "invalid": WHOLE_NUMBER,
            "min_value": _("Не меньше 0."),
            "max_value": _("Не больше 20: Метрика привязывает звонки к визитам 21 день."),
        },
    )
    hold_hours = forms.IntegerField(
        min_value=1,
        max_value=24 * Counter.MAX_DEFER,
        error_messages={
            "required": _("Введите число часов, например 24."),
            "invalid": WHOLE_NUMBER,
            "min_value": _("Не меньше 1 часа."),
            "max_value": _("Не больше 480 часов: это 20 дней, дальше Метрика звонок не привяжет."),
        },
    )
    site_hosts = HostsField()
    campaigns = LinesField()
    price = PriceField()
    currency = forms.ChoiceField()
    value_rules = ValueRulesField()
    identifier_order = OrderField()
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    class Meta:
        model = Counter
        fields = Counter.SETTINGS
        widgets: ClassVar = dict.fromkeys(
            (
                *("call_kind", "call_status", "uniqueness", "tag_mode", "site_mode", "phone_mode"),
                "unlinked_mode",
            ),
            forms.RadioSelect,
        )

    #: Errors are listed in the order of the page: the kinds stand where their columns do.
    field_order = (
        *Counter.SETTINGS[: Counter.SETTINGS.index("accepts_dynamic")],
        "incoming_kinds",
    )

    def __init__(
        self,
        data: Any = None,
        *,
        counter: Counter,
        waiting_calls: int = 0,
        waiting_text: str = "",
    ) -> None:
        kinds = [kind for kind, column in INCOMING_KINDS.items() if getattr(counter, column)]
        initial = {"incoming_kinds": kinds, "version": counter.version}
        # A copy: validation writes the typed values into it, and the page shows the saved ones.
        super().__init__(data, instance=copy(counter), initial=initial)
        self.waiting_count = (waiting_text or waiting_calls) if waiting_calls else 0
        if waiting_calls:
            self.fields["waiting_calls"] = WaitingCallsField()
        for name in Counter.SETTINGS:
            self.fields[name].label = label_of(name)
        for column in INCOMING_KINDS.values():
            self.fields[column].disabled = True  # set by `clean`, whatever a browser sends
        for name in ("goal", "callback_goal"):
            cast(GoalField, self.fields[name]).queryset = choosable_goals(counter)
        known = dict.fromkeys([*CURRENCIES, counter.currency or CURRENCIES[0]])
        cast(ValueRulesField, self.fields["value_rules"]).read(data, counter.value_rules)
        currency = cast(forms.ChoiceField, self.fields["currency"])
        currency.choices = [(code, code) for code in known]

    def add_prefix(self, field_name: str) -> str:
        """Return the field's name in HTML."""
        return super().add_prefix(HTML_NAMES.get(field_name, field_name))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        kind, kinds = values.get("call_kind"), values.get("incoming_kinds")
        if kind == Counter.CallKind.INCOMING and kinds == []:
            self.add_error("incoming_kinds", _("Выберите хотя бы один вид входящих звонков."))
        # Without incoming calls the choice within them does not matter; it must not get lost.
        for incoming, column in INCOMING_KINDS.items():
            values[column] = not kinds or incoming in kinds
        for name, problem in problems_of(values).items():
            self.add_error(name, problem)
        return values

    def settings(self) -> dict[str, Any]:
        """Return the settings as columns of a Counter. Call on a valid form."""
        return {name: self.cleaned_data[name] for name in Counter.SETTINGS}

    def offers_goal(self, pk: int) -> bool:
        """Whether the goal is among those that may be chosen."""
        return choosable_goals(self.instance).filter(pk=pk).exists()

    def save(self, *, actor: User | None, now: datetime) -> Counter:  # type: ignore[override]
        """Store the settings over the version that the form was opened at; see `save_settings`."""
        return save_settings(
            counter=self.instance,
            version=self.cleaned_data["version"],
            values=self.settings(),
            actor=actor,
            now=now,
            sends_waiting=self.sends_waiting,
        )

    @property
    def asks_about_waiting_calls(self) -> bool:
        """Whether the form asks what to do with the calls that wait for the first save."""
        return "waiting_calls" in self.fields

    @property
    def sends_waiting(self) -> bool:
        """Whether the person chose to send the calls that wait for the first save."""
        return bool(self.cleaned_data.get("waiting_calls", False))
