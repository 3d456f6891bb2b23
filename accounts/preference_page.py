"""The page «Язык, тема, часовой пояс», and the quick switches in the person's menu."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Preference
from accounts.preferences import LANGUAGE_COOKIE, YEAR, change_preferences, preference_of
from cabinets.time_zones import zone_choices


class PreferenceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """All preferences of a person."""

    class Meta:
        model = Preference
        fields = ("language", "theme", "time_zone")
        widgets = {"language": forms.RadioSelect, "theme": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"] = forms.ChoiceField(
            label=gettext_lazy("Часовой пояс"),
            required=False,
            choices=[("", _("Как в кабинете")), *zone_choices(now=timezone.now())],
        )


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Show the form; a post stores it and shows the page in the language just chosen."""
    user = cast(User, request.user)
    form = PreferenceForm(request.POST or None, instance=Preference(**_values(user)))
    if request.method == "POST" and form.is_valid():
        return _stored(request, form.cleaned_data, reverse("preferences"), says_so=True)
    return render(request, "registration/preferences.html", {"form": form})


@require_POST
def switch_preference(request: HttpRequest) -> HttpResponse:
    """Change the language or the theme from the menu and return to the page it was opened on."""
    posted = {name: request.POST[name] for name in ("language", "theme") if name in request.POST}
    form = PreferenceForm(_values(cast(User, request.user)) | posted, instance=Preference())
    if not form.is_valid():
        return HttpResponseRedirect(reverse("preferences"), status=303)
    return _stored(request, posted, _next_url(request), says_so=False)


def _values(user: User) -> dict[str, str]:
    current = preference_of(user)
    return {name: getattr(current, name) for name in ("language", "theme", "time_zone")}


def _stored(
    request: HttpRequest, values: dict[str, Any], url: str, *, says_so: bool
) -> HttpResponse:
    stored = change_preferences(cast(User, request.user), values)
    if says_so:
        with translation.override(stored.language):
            messages.success(request, _("Сохранено."))
    response = HttpResponseRedirect(url, status=303)
    response.set_cookie(
        LANGUAGE_COOKIE,
        stored.language,
        max_age=YEAR,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


def _next_url(request: HttpRequest) -> str:
    # Not a field of the form: an address may hold a code of Yandex, which no page repeats.
    wanted = request.headers.get("Referer", "")
    is_own = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_own and wanted else reverse("preferences")
