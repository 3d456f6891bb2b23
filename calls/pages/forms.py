"""The filter forms of a counter's history and of the ledger of a cabinet."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from calls.decision.reasons import REASON_TITLES
from calls.forecast.causes import VALUES as FORECAST_VALUES
from calls.masking import masked_text
from calls.phones import is_guess, searched_end
from calls.queries.history import Filters
from calls.queries.ledger_filters import STAGES, CallFilters
from calls.queries.link_proofs import VALUES as LINK_VALUES
from calls.queries.search import call_ids
from calls.states import CallKind, Channel, DisplayState
from counters.models import Counter

#: Length of the period shown by default.
DEFAULT_DAYS = 30
ALL = ("", _("Все"))
_DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class SearchForm(forms.Form):
    """Days, and a search by phone or by the number of a call."""

    date_from = forms.DateField(label=_("С"), widget=_DATE, required=False)
    date_to = forms.DateField(label=_("По"), widget=_DATE, required=False)
    q = forms.CharField(
        label=_("Последние цифры телефона или номер звонка целиком"),
        max_length=128,
        required=False,
        strip=True,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )

    def __init__(self, data: dict[str, Any], *, cabinet: Cabinet, sees_phones: bool) -> None:
        super().__init__(data)
        self.cabinet = cabinet
        self.sees_phones = sees_phones

    def clean_q(self) -> str:
        """Refuse a search that could reveal a masked number digit by digit."""
        text: str = self.cleaned_data["q"]
        end = searched_end(text)
        if not self.sees_phones and is_guess(end):
            raise forms.ValidationError(_("Введите последние 4 цифры или номер целиком."))
        return text

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        values = self.cleaned_data
        first, last = values.get("date_from"), values.get("date_to")
        if first and last and first > last:
            self.add_error("date_to", _("Раньше, чем начало."))
        return values

    def shown_values(self) -> dict[str, str]:
        """Return the values in effect, by field; those of empty fields are left out."""
        return {name: str(self[name].value()) for name in self.fields if self[name].value()}

    def found_ids(self) -> list[int] | None:
        """Return the calls that a valid form searches for, None without a search. One query."""
        text = self.cleaned_data["q"]
        if not text:
            return None
        return call_ids(text, cabinet=self.cabinet, sees_phones=self.sees_phones)


#: Parameters of the ledger's address, by field. Other pages link here with them, and people keep
#: such addresses: a name stays. The other fields have the names of their parameters: `counter` (its
#: number in the address of its pages, or `none`), `channel` (`Channel`), `state` (`DisplayState`,
#: or several with commas between them), `reason` (a code), `link` (`calls.queries.link_proofs`),
#: `forecast` (`calls.forecast.causes`), `stage` (`STAGES`), `kind` (`CallKind`), `source` (its
#: number), `tag`, `q`.
LEDGER_PARAMETERS = {"date_from": "from", "date_to": "to"}
#: Parameters of earlier versions of the address.
_FORMER = {"date_from": "from", "date_to": "to", "concerns": "counter"}
NO_COUNTER = "none"
#: Fields that a call of no counter cannot fulfil.
_OF_ROWS = ("channel", "state", "reason", "link", "forecast", "stage")


class LedgerForm(SearchForm):
    """The filters of the ledger of a cabinet: of all its calls, over all its counters."""

    counter = forms.ChoiceField(label=_("Счетчик"), required=False)
    state = forms.ChoiceField(
        label=_("Состояние"), choices=[ALL, *DisplayState.choices], required=False
    )
    reason = forms.ChoiceField(
        label=_("Причина"), choices=[ALL, *REASON_TITLES.items()], required=False
    )
    channel = forms.ChoiceField(label=_("Канал"), choices=[ALL, *Channel.choices], required=False)
    kind = forms.ChoiceField(label=_("Вид"), choices=[ALL, *CallKind.choices], required=False)
    source = forms.ChoiceField(label=_("Источник"), required=False)
    link = forms.ChoiceField(
        label=_("Привязка по логам"), choices=[ALL, *LINK_VALUES.items()], required=False
    )
    forecast = forms.ChoiceField(
        label=_("Прогноз привязки"), choices=[ALL, *FORECAST_VALUES.items()], required=False
    )
    stage = forms.ChoiceField(label=_("Этап"), choices=[ALL, *STAGES.items()], required=False)
    tag = forms.CharField(
        label=_("Тег целиком"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = (
        "counter",
        "state",
        "date_from",
        "date_to",
        "q",
        "reason",
        "channel",
        "link",
        "forecast",
        "stage",
        "kind",
        "source",
    )
    #: Fields that are always in sight; the others are folded until one of them is used.
    first_fields = ("counter", "state", "date_from", "date_to", "q")

    def __init__(self, data: dict[str, Any], *, cabinet: Cabinet, sees_phones: bool) -> None:
        former = {name: data[old] for old, name in _FORMER.items() if old in data}
        super().__init__(former | data, cabinet=cabinet, sees_phones=sees_phones)
        counters = cabinet.counters.order_by("removed_at", "name", "pk")
        alone = (NO_COUNTER, _("Ни в одном счетчике"))
        self._set_choices("counter", counters, alone)
        self._set_choices("source", cabinet.call_sources.order_by("name", "pk"))
        self._offer_states(self.data.get("state", ""))

    def _set_choices(self, name: str, found: Any, *more: tuple[str, Any]) -> None:
        named = [(str(pk), title) for pk, title in found.values_list("pk", "name")]
        field: Any = self.fields[name]
        field.choices = [ALL, *more, *named]

    def _offer_states(self, chosen: str) -> None:
        """Let several states be chosen by an address: then they are one more choice together."""
        states = chosen.split(",")
        self.several = [DisplayState(one) for one in states if one in DisplayState.values]
        if not 1 < len(states) == len(set(self.several)):
            self.several = []
            return
        field: Any = self.fields["state"]
        label = _("Любое") if self.is_any_state else _("Несколько, перечислены ниже")
        field.choices = [ALL, (chosen, label), *DisplayState.choices]

    @property
    def is_any_state(self) -> bool:
        """Whether every state is chosen, which leaves out the calls of no counter."""
        return len(self.several) == len(DisplayState)

    def add_prefix(self, field_name: str) -> str:
        """Return the parameter of a field."""
        return LEDGER_PARAMETERS.get(field_name, field_name)

    def clean_tag(self) -> str:
        """Refuse a tag with personal data to whom these are masked: a hit would confirm it."""
        text: str = self.cleaned_data["tag"]
        if not self.sees_phones and masked_text(text) != text:
            raise forms.ValidationError(
                _("Теги с телефоном или почтой ищут владелец и управляющие кабинета.")
            )
        return text

    def clean(self) -> dict[str, Any]:
        """Refuse what no call can fulfil: a state of a row of a call that has none."""
        values = super().clean()
        is_of_rows = any(values.get(name) for name in _OF_ROWS)
        if values.get("counter") == NO_COUNTER and is_of_rows:
            self.add_error(
                "counter",
                _(
                    "У таких звонков нет канала, состояния, причины и привязки: "
                    "снимите эти условия."
                ),
            )
        return values

    def parameters(self) -> dict[str, str]:
        """Return the chosen filters as parameters of the address."""
        return {self.add_prefix(name): value for name, value in self.shown_values().items()}

    @property
    def first(self) -> list[forms.BoundField]:
        """The fields that are always in sight."""
        return [self[name] for name in self.first_fields]

    @property
    def folded(self) -> list[forms.BoundField]:
        """The other fields."""
        return [self[name] for name in self.fields if name not in self.first_fields]

    @property
    def is_unfolded(self) -> bool:
        """Whether one of the other fields is used."""
        return any(field.value() or field.errors for field in self.folded)

    @property
    def asks_forecast(self) -> bool:
        """Whether a forecast is chosen."""
        return bool(self["forecast"].value())

    def filters(self) -> CallFilters:
        """Return the filters of a valid form. A search text is looked up in the database here."""
        return replace(self.filters_without_search(), call_ids=self.found_ids())

    def filters_without_search(self) -> CallFilters:
        """Return the filters of a valid form, the search left out; no query."""
        values = self.cleaned_data
        chosen = values["counter"]
        return CallFilters(
            first_day=values["date_from"],
            last_day=values["date_to"],
            without_counter=chosen == NO_COUNTER,
            kind=values["kind"],
            source=int(values["source"]) if values["source"] else None,
            tag=values["tag"],
            counter=int(chosen) if chosen and chosen != NO_COUNTER else None,
            channel=int(values["channel"]) if values["channel"] else None,
            state=values["state"],
            reason=values["reason"],
            link=values["link"],
            forecast=values["forecast"],
            stage=values["stage"],
        )


class HistoryFilterForm(SearchForm):
    """State, reason, channel, days and a search; by default the last 30 days."""

    state = forms.ChoiceField(
        label=_("Состояние"), choices=[ALL, *DisplayState.choices], required=False
    )
    reason = forms.ChoiceField(
        label=_("Причина"), choices=[ALL, *REASON_TITLES.items()], required=False
    )
    channel = forms.ChoiceField(label=_("Канал"), choices=[ALL, *Channel.choices], required=False)
    field_order = ("state", "reason", "channel", "date_from", "date_to", "q")

    def __init__(
        self, data: dict[str, Any], *, counter: Counter, cabinet: Cabinet, sees_phones: bool
    ) -> None:
        # Defaults only for a page opened without the form; there an emptied field means all.
        self.has_default_period = not {"q", "date_from", "date_to"} & set(data)
        super().__init__(
            default_values(counter, timezone.now()) | data if "q" not in data else data,
            cabinet=cabinet,
            sees_phones=sees_phones,
        )

    def filters(self) -> Filters:
        """Return the filters of a valid form. A search text is looked up in the database here."""
        values = self.cleaned_data
        return Filters(
            state=values["state"],
            reason=values["reason"],
            channel=int(values["channel"]) if values["channel"] else None,
            first_day=values["date_from"],
            last_day=values["date_to"],
            call_ids=self.found_ids(),
        )


def default_values(counter: Counter, now: datetime) -> dict[str, Any]:
    """Return the default filters: the last `DEFAULT_DAYS`, and the channel if one is in use."""
    today = timezone.localtime(now).date()
    values: dict[str, Any] = {
        "date_from": (today - timedelta(days=DEFAULT_DAYS - 1)).isoformat(),
    }
    if counter.send_calls and counter.goal_id is None:
        values["channel"] = str(Channel.CALLS.value)
    if not counter.send_calls and counter.goal_id is not None:
        values["channel"] = str(Channel.GOAL.value)
    return values
