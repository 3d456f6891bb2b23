"""The forms of a source whose calls are pulled: the whole source, and its key alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy

from cabinets.forms import SourceForm
from calls.callkeeper.client import KEY

#: Metrika links calls of so many days; earlier ones cannot be sent.
MAX_DAYS = 21


class KeyField(forms.CharField):
    """The key of CallKeeper's API; a page never has it, not even the one it was typed on."""

    def __init__(self) -> None:
        letters = gettext_lazy(
            "Это не ключ API: в нём 16 латинских букв и цифр, без пробелов. Скопируйте его целиком."
        )
        super().__init__(
            label=gettext_lazy("Ключ API"),
            max_length=100,
            validators=[RegexValidator(rf"\A{KEY.pattern}\Z", letters)],
            error_messages={"required": gettext_lazy("Введите ключ API.")},
            widget=forms.PasswordInput(
                render_value=False, attrs={"autocomplete": "new-password", "spellcheck": "false"}
            ),
        )


class KeyForm(forms.Form):
    """Another key of the same source."""

    api_key = KeyField()


class PullForm(SourceForm):
    """Name, zone and country of the source, its key, and from how many days ago to begin."""

    api_key = KeyField()
    days = forms.IntegerField(
        label=gettext_lazy("За сколько дней забрать звонки сразу"),
        min_value=1,
        max_value=MAX_DAYS,
        initial=1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        error_messages={
            name: gettext_lazy("Укажите от 1 до 21: более ранние звонки Метрика не принимает.")
            for name in ("required", "invalid", "min_value", "max_value")
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = self.fields["time_zone"]
        assert isinstance(zone, forms.ChoiceField)
        zone.label = gettext_lazy("Пояс времени звонков в CallKeeper")
        zone.required = True
        zone.help_text = gettext_lazy(
            "API CallKeeper передаёт время звонка без пояса. Укажите пояс, в котором время звонков"
            " показывает личный кабинет CallKeeper, и сверьте время первого пришедшего звонка."
        )
        # Without a zone no call of this API can be read.
        choices = cast(Iterable[tuple[str, str]], zone.choices)
        zone.choices = [one for one in choices if one[0]]
