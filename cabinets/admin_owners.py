"""In the admin too a cabinet keeps an owner, whatever is changed or deleted, one row or many."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from cabinets.models import Cabinet, Membership
from cabinets.people import left_without_owner


def last_owner_sentences(memberships: Collection[int]) -> list[str]:
    """Return why these memberships cannot go, a sentence a cabinet; empty when they can."""
    return [_sentence(one) for one in left_without_owner(memberships)]


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Refuses to take the last owner of a cabinet away from it."""

    class Meta:
        model = Membership
        fields = ("cabinet", "user", "role")

    def clean(self) -> dict[str, Any] | None:
        """Check it with the cabinet locked: the admin stores in the same transaction."""
        values = super().clean() or {}
        stays = (self.initial.get("cabinet"), Membership.Role.OWNER)
        cabinet = values.get("cabinet")
        if self.instance.pk and (cabinet and cabinet.pk, values.get("role")) != stays:
            for sentence in last_owner_sentences([self.instance.pk]):
                self.add_error(None, sentence)
        return values


class KeepsOwners(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Does not delete rows with which the last owner of a cabinet would go."""

    def memberships_of(self, pks: Collection[Any]) -> Collection[int]:
        """Return the memberships that are deleted with the rows with these keys."""
        raise NotImplementedError

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the cabinets among what protects the rows: nothing is deleted while there are."""
        found, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        return found, counts, forbidden, [*protected, *self._sentences(objs)]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete. Raises PermissionDenied if another owner has gone since the page was shown."""
        with transaction.atomic():
            if sentences := self._sentences(queryset):
                raise PermissionDenied(sentences[0])
            super().delete_queryset(request, queryset)

    def _sentences(self, objs: Any) -> list[str]:
        return last_owner_sentences(self.memberships_of([one.pk for one in objs]))


def _sentence(cabinet: Cabinet) -> str:
    text = _(
        "Кабинет «%(name)s» остался бы без владельца. Сначала сделайте владельцем другого человека."
    )
    return text % {"name": cabinet.name}
