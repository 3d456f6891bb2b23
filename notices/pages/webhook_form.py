"""The form of a cabinet's webhook."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from notices.media.addresses import AddressNotAllowed, check_url


class WebhookForm(forms.Form):
    """The address, which has to be reachable over the public internet."""

    url = forms.CharField(
        label=_("Адрес"),
        max_length=1000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url"}),
        error_messages={"required": _("Укажите адрес, на который присылать уведомления.")},
    )

    def clean_url(self) -> str:
        """Return the address. Raises ValidationError with the next step."""
        url = str(self.cleaned_data["url"]).strip()
        try:
            check_url(url)
        except AddressNotAllowed:
            raise ValidationError(
                _(
                    "Такой адрес не подходит. Он должен начинаться с https://, быть доступен из "
                    "интернета и не содержать логина и пароля."
                ),
                code="address_not_allowed",
            ) from None
        return url
