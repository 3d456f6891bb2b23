"""The form of a person who is invited and has no login yet."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.forms import NewPasswordForm
from accounts.sentences import SENTENCES

TAKEN = _("С этим адресом вход уже есть. Нажмите «Войти», и приглашение откроется снова.")


class NewLoginForm(NewPasswordForm):
    """Name, e-mail, which becomes the login, and a password."""

    first_name = forms.CharField(
        label=_("Как вас зовут"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=_("Почта"),
        max_length=150,
        error_messages={
            "required": SENTENCES["required"],
            "invalid": _("Это не похоже на адрес почты: проверьте его."),
        },
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    field_order = ("first_name", "email", "new_password1", "new_password2")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(User(), *args, **kwargs)
        self.fields["new_password1"].label = _("Пароль")
        self.fields["new_password2"].label = _("Пароль ещё раз")

    def clean_email(self) -> str:
        """Return the address in lower case, if nobody has it as a login or an e-mail."""
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(Q(username__iexact=email) | Q(email__iexact=email)).exists():
            raise ValidationError(TAKEN, code="taken")
        return email

    def clean(self) -> dict[str, Any]:
        """Check the password against the name and the address as well."""
        self.user.username = self.user.email = self.cleaned_data.get("email", "")
        self.user.first_name = self.cleaned_data.get("first_name", "")
        super().clean()
        return self.cleaned_data

    def unsaved_user(self) -> User:
        """Return the person with the hashed password, not stored. Raises HashingBusy."""
        return self.save(commit=False)
