"""What every page of the support desk (the admin) has in common: look, never type into a state.

Tables here grow to tens of millions of rows, so nothing counts them all, sorts by what has no
index, or reads a month that was not asked for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from cabinets import audit
from cabinets.models import Cabinet

admin.site.site_header = _("CallKeeper · поддержка")
admin.site.site_title = _("CallKeeper · поддержка")
admin.site.index_title = _("Что посмотреть")
admin.site.site_url = "/lk/integrations"

#: A list counts up to so many rows; nobody pages further, people narrow a search.
MOST_COUNTED = 10_000


def signed_in(request: HttpRequest) -> User:
    """Return the person: nobody else gets as far as the desk."""
    return cast(User, request.user)


class BoundedPaginator(Paginator):
    """Counts no further than MOST_COUNTED rows: an exact count would read the whole table."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or MOST_COUNTED when there are more."""
        return min(self._counted, MOST_COUNTED)

    @property
    def is_bounded(self) -> bool:
        """Whether there are more rows than were counted."""
        return self._counted > MOST_COUNTED

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST_COUNTED + 1].count())


class SupportAdmin(admin.ModelAdmin):
    """A read-only desk: every change goes through an action, and so through a use case."""

    actions: Any = ()
    list_per_page = 50
    paginator = BoundedPaginator
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()
    #: Columns that are neither shown nor fetched: heavy ones, and every secret.
    never_fetched: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out what is never shown."""
        return super().get_queryset(request).defer(*self.never_fetched)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Nothing is added here by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is edited here by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted here."""
        return False

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Whether the person may use the actions: the right to change the model."""
        return super().has_change_permission(request)


class EditableAdmin(SupportAdmin):
    """A desk where a form may be saved; the audit trail is told what it changed."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """By the person's rights."""
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """By the person's rights."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and record the fields that differ."""
        super().save_model(request, obj, form, change)
        names = form.changed_data
        audit.log_change(
            cabinet=obj if isinstance(obj, Cabinet) else obj.cabinet,
            actor=signed_in(request),
            action="admin.changed" if change else "admin.added",
            subject=obj,
            before={name: str(form.initial.get(name, "")) for name in names} if change else {},
            after={name: str(getattr(obj, name)) for name in names},
        )


class AgeFilter(admin.SimpleListFilter):
    """Rows of the last days by `moment`. A search looks at all of them."""

    title = _("Возраст")
    parameter_name = "age"
    moment = "created_at"
    usual_days = 21
    titles = {"1": _("Сутки"), "7": _("Неделя"), "21": _("21 день"), "90": _("90 дней")}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices beside the usual one."""
        usual = str(self.usual_days)
        others = [(days, title) for days, title in self.titles.items() if days != usual]
        return [*others, ("all", _("Всё"))]

    def choices(self, changelist: Any) -> Any:
        """Call the first choice by what it is."""
        usual, *others = super().choices(changelist)
        yield usual | {"display": self.titles[str(self.usual_days)]}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to the days; they decide which months are opened."""
        days = self.value() or ("all" if request.GET.get("q") else str(self.usual_days))
        if days not in self.titles:
            return queryset
        since = timezone.now() - timedelta(days=int(days))
        return queryset.filter(**{f"{self.moment}__gte": since})
