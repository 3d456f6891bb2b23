"""Admin of people and groups: nobody gives more rights than they hold, or sees a password."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import allauth.account.admin
import allauth.mfa.admin  # noqa: F401  # both register the models that are unregistered here
from allauth.account.models import EmailAddress
from allauth.mfa.base.internal.flows import delete_dangling_recovery_codes
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _

from accounts.emails import confirmed_address
from accounts.forms import NewPersonForm
from accounts.links import INVITATION_DAYS, invite, mail_address
from accounts.mail import is_mail_configured
from accounts.rights import groups_within, may_manage, may_manage_group, permissions_of
from cabinets.admin_base import SupportAdmin, current_user
from cabinets.admin_owners import KeepsOwners
from cabinets.models import Membership

admin.site.unregister([User, Group, Authenticator, EmailAddress])

FACTORS = {
    Authenticator.Type.TOTP: _("Приложение с кодами"),
    Authenticator.Type.RECOVERY_CODES: _("Запасные коды"),
    Authenticator.Type.WEBAUTHN: _("Ключ входа"),
}
RIGHTS = ("is_active", "is_staff", "groups", "user_permissions")


class _RightsAdmin(SupportAdmin):
    """Permissions of Django, and only rights that the signed-in person holds may be chosen."""

    def may_manage(self, request: HttpRequest, obj: Any) -> bool:
        """Return whether the person has at least the rights of the row."""
        raise NotImplementedError

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """By the user's Django permission."""
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By the user's Django permission, for rows with no more rights than their own."""
        allowed = admin.ModelAdmin.has_change_permission(self, request, obj)
        return allowed and (obj is None or self.may_manage(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The same; nobody deletes themselves."""
        allowed = admin.ModelAdmin.has_delete_permission(self, request, obj)
        return allowed and (obj is None or (obj != request.user and self.may_manage(request, obj)))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer only what the person holds; a posted form is checked against the same rows."""
        if db_field.name == "groups":
            kwargs["queryset"] = groups_within(current_user(request))
        else:
            own = permissions_of(current_user(request))
            kwargs["queryset"] = own.select_related("content_type")
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(User)
class PersonAdmin(KeepsOwners, _RightsAdmin, UserAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """People who may sign in. They set their passwords themselves, by a link."""

    add_form = NewPersonForm
    add_form_template = "admin/auth/user/add_person.html"
    change_form_template = "admin/auth/user/change_person.html"
    list_display = ("username", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("username", "email", "first_name", "last_name")
    readonly_fields = ("is_email_confirmed", "last_login", "date_joined")
    add_fieldsets = ((None, {"fields": ("username", "email", "first_name", "last_name")}),)

    @admin.display(description=_("Почта подтверждена"), boolean=True)
    def is_email_confirmed(self, obj: User) -> bool:
        """Return whether anything is sent to the address: see `accounts.emails`."""
        return confirmed_address(obj) != ""

    def memberships_of(self, pks: Collection[Any]) -> Collection[int]:
        """What goes with the people."""
        return Membership.objects.filter(user__in=pks).values_list("pk", flat=True)

    def may_manage(self, request: HttpRequest, obj: User) -> bool:
        """See `rights.may_manage`."""
        return may_manage(current_user(request), obj)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Leave the flag of superusers to superusers."""
        if obj is None:
            return self.add_fieldsets
        flags = ("is_superuser",) if current_user(request).is_superuser else ()
        active, staff, *rights = RIGHTS
        names = ("username", "email", "is_email_confirmed", "first_name", "last_name")
        return (
            (None, {"fields": names}),
            (_("Права"), {"fields": (active, staff, *flags, *rights)}),
            (_("Даты"), {"fields": ("last_login", "date_joined")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Nobody but a superuser changes their own rights."""
        own = obj == request.user and not current_user(request).is_superuser
        return (*self.readonly_fields, *(RIGHTS if own else ()))

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Leave the flag of superusers to superusers."""
        is_superuser = current_user(request).is_superuser
        return [one for one in self.list_filter if is_superuser or one != "is_superuser"]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Store a new person without a password."""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: User, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Send the link that sets the first password, or show it in this response only."""
        if "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        return self._invite(request, obj)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Explain the reset of a password (GET), or do it (POST). Replaces Django's form."""
        person = self.get_object(request, id)
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        if person == request.user:
            return HttpResponseRedirect(reverse("password_change"))
        if request.method == "POST":
            return self._invite(request, person)
        return render(request, "admin/auth/user/reset_password.html", self._page(request, person))

    def _invite(self, request: HttpRequest, person: User) -> HttpResponse:
        by_mail = "show" not in request.POST
        invitation = invite(person, actor=current_user(request), by_mail=by_mail)
        page = self._page(request, person) | {"invitation": invitation}
        response = render(request, "admin/auth/user/link.html", page)
        add_never_cache_headers(response)
        return response

    def _page(self, request: HttpRequest, person: User) -> dict[str, Any]:
        return self.admin_site.each_context(request) | {
            "person": person,
            "days": INVITATION_DAYS,
            "address": mail_address(person) if is_mail_configured() else "",
            "opts": self.opts,
        }


@admin.register(Group)
class RightsGroupAdmin(_RightsAdmin, GroupAdmin):  # type: ignore[misc]  # generic in the stubs only
    """Groups of rights."""

    list_display = ("name",)

    def may_manage(self, request: HttpRequest, obj: Group) -> bool:
        """See `rights.may_manage_group`."""
        return may_manage_group(current_user(request), obj)


@admin.register(Authenticator)
class FactorAdmin(_RightsAdmin):
    """Second factors: support deletes one for a person who has lost it. Secrets are not shown."""

    fields = readonly_fields = list_display = ("user", "kind", "created_at", "last_used_at")
    search_fields = ("user__username", "user__email")

    @admin.display(description=_("Вид"))
    def kind(self, obj: Any) -> str:
        """Return what it is called on the pages of the person."""
        return str(FACTORS[obj.type])

    def may_manage(self, request: HttpRequest, obj: Any) -> bool:
        """See `rights.may_manage`."""
        return may_manage(current_user(request), obj.user)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Only the person adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing in it can be changed."""
        return False

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete it, and recovery codes that are the last that is left."""
        super().delete_model(request, obj)
        delete_dangling_recovery_codes(obj.user)
