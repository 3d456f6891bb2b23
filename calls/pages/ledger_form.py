"""The filter form of the ledger of a cabinet. Its parameters are a contract: see ADR 0081."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from calls.decision.reasons import REASON_TITLES
from calls.forecast.causes import VALUES as FORECAST_VALUES
from calls.masking import masked_text
from calls.models import Upload
from calls.pages.forms import ALL, SearchForm
from calls.pages.periods import DATE_PARAMETERS, PERIODS, chosen_period, days_of, shown_dates
from calls.queries.ledger_filters import STAGES, CallFilters
from calls.queries.link_proofs import VALUES as LINK_VALUES
from calls.states import CallKind, Channel, DisplayState

# Parameters of the ledger's address. Other pages link here with them, and people keep such
# addresses: a name stays. `period`, or `from` and `to` (`calls.pages.periods`); the other fields
# have the names of their parameters: `counter` (its number in the address of its pages, or `none`),
# `channel` (`Channel`), `state` (`DisplayState`, or several with commas between them), `reason` (a
# code), `link` (`calls.queries.link_proofs`), `forecast` (`calls.forecast.causes`), `stage`
# (`STAGES`), `upload` (its number, which its page shows), `kind` (`CallKind`), `source` (its
# number), `tag`, `q`.
#: Parameters of earlier versions of the address.
_FORMER = {"date_from": "from", "date_to": "to", "concerns": "counter"}
NO_COUNTER = "none"
#: Fields that a call of no counter cannot fulfil.
_OF_ROWS = ("channel", "state", "reason", "link", "forecast", "stage", "upload")


class LedgerForm(SearchForm):
    """The filters of the ledger of a cabinet: of all its calls, over all its counters."""

    period = forms.ChoiceField(label=_("Период"), required=False)
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
    upload = forms.CharField(
        label=_("Номер выгрузки"),
        max_length=18,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    tag = forms.CharField(
        label=_("Тег целиком"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = (
        "counter",
        "state",
        "period",
        "date_from",
        "date_to",
        "q",
        "reason",
        "channel",
        "link",
        "forecast",
        "stage",
        "upload",
        "kind",
        "source",
    )
    #: Fields that are always in sight; the others are folded until one of them is used.
    first_fields = ("counter", "state", "period", "date_from", "date_to", "q")

    def __init__(self, data: dict[str, Any], *, cabinet: Cabinet, sees_phones: bool) -> None:
        former = {name: data[old] for old, name in _FORMER.items() if old in data}
        chosen = chosen_period(former | data)
        super().__init__(chosen, cabinet=cabinet, sees_phones=sees_phones)
        counters = cabinet.counters.order_by("removed_at", "name", "pk")
        alone = (NO_COUNTER, _("Ни в одном счетчике"))
        self._set_choices("counter", counters, alone)
        self._set_choices("source", cabinet.call_sources.order_by("name", "pk"))
        self._offer_states(self.data.get("state", ""))
        period: Any = self.fields["period"]
        period.choices = [("", _("Свои даты") if self.shown else _("Всё время")), *PERIODS.items()]

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
        return DATE_PARAMETERS.get(field_name, field_name)

    def clean_upload(self) -> Upload | None:
        """Return the upload of the cabinet that has the number. One query."""
        text: str = self.cleaned_data["upload"]
        if not text:
            return None
        uploads = Upload.objects.filter(cabinet=self.cabinet).select_related("counter")
        found = uploads.filter(pk=int(text)).first() if text.isascii() and text.isdigit() else None
        if found is None:
            raise forms.ValidationError(_("Выгрузки с таким номером в кабинете нет."))
        return found

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
            text = _(
                "У таких звонков нет канала, состояния, причины, привязки и выгрузки: снимите эти "
                "условия."
            )
            self.add_error("counter", text)
        return values

    def parameters(self) -> dict[str, str]:
        """Return the chosen filters as parameters of the address."""
        return {self.add_prefix(name): value for name, value in self.shown_values().items()}

    @property
    def shown(self) -> str:
        """The dates that the fields show, for the next answer of the form."""
        return shown_dates(self.data)

    def days(self) -> tuple[date | None, date | None]:
        """Return the first and the last day of a valid form; None where there is no limit."""
        values = self.cleaned_data
        if values["period"]:
            return days_of(values["period"], timezone.localdate())
        return values["date_from"], values["date_to"]

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
        chosen, (first, last) = values["counter"], self.days()
        return CallFilters(
            first_day=first,
            last_day=last,
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
            upload=values["upload"].pk if values["upload"] else None,
        )
