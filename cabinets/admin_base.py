"""Base classes of the admin: read-only by default, changes go through actions.

Tables grow to tens of millions of rows, so no page counts all rows, sorts without an index, or
reads months outside its filter.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from cabinets import audit
from cabinets.models import Cabinet

admin.site.site_header = _("CallKeeper · поддержка")
admin.site.site_title = _("CallKeeper · поддержка")
admin.site.index_title = _("Что посмотреть")
admin.site.site_url = "/lk/integrations"

#: Rows are counted up to this number: beyond it people narrow the search instead of paging.
MAX_COUNTED = 10_000
#: The choice of a filter by age that limits nothing.
ALL_AGES = "all"


def current_user(request: HttpRequest) -> User:
    """Return the user; the admin admits no anonymous one."""
    return cast(User, request.user)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs only
    """Counts no further than MAX_COUNTED rows: an exact count would read the whole table."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or MAX_COUNTED when there are more."""
        return min(self._counted, MAX_COUNTED)

    @property
    def is_bounded(self) -> bool:
        """Whether there are more rows than were counted."""
        return self._counted > MAX_COUNTED

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MAX_COUNTED + 1].count())


class ShownChangeList(ChangeList):
    """A list that is ordered by nothing but the columns it offers for that."""

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return None for a column that is no header to click on, whatever `?o=` asks for."""
        if self.sortable_by is not None and field_name not in self.sortable_by:
            return None
        return super().get_ordering_field(field_name)


class ShownFiltersAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Accepts only the filters and orders that its list shows.

    Django allows a filter by any column of the model: `?phone__startswith=79` answers a question
    about a phone that is masked, digit by digit.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whether the parameter belongs to a filter of the list, and its value can be a text.

        PostgreSQL has no texts with NUL in them: what asks for one is refused (400).
        """
        return "\0" not in value and lookup in self._shown_parameters(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find nothing by a text with NUL, which the view of autocomplete passes on."""
        if "\0" in search_term:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that ignores orders by columns that cannot be clicked on."""
        return ShownChangeList

    def _shown_parameters(self, request: HttpRequest) -> set[str]:
        names = {
            name for item in self.get_list_filter(request) for name in self._expected(item, request)
        }
        if self.date_hierarchy:
            parts = ("year", "month", "day", "gte", "lt")
            names |= {f"{self.date_hierarchy}__{part}" for part in parts}
        return names

    def _expected(self, item: Any, request: HttpRequest) -> Iterable[str]:
        """Return the parameters of one item of `list_filter`, as Django builds its links."""
        if isinstance(item, type) and issubclass(item, admin.SimpleListFilter):
            return [str(item.parameter_name)]
        path, create = item if isinstance(item, tuple) else (item, admin.FieldListFilter.create)
        field = get_fields_from_path(self.model, path)[-1]
        spec = create(field, request, {}, self.model, self, field_path=path)
        return [str(name) for name in spec.expected_parameters() if name]


class SupportAdmin(ShownFiltersAdmin):
    """Read-only: every change goes through an action, which calls what the product calls."""

    actions: Any = ()
    list_per_page = 50
    paginator = BoundedPaginator
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()
    #: Columns that are neither shown nor fetched: heavy ones, and every secret.
    never_fetched: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Defer the columns that are never shown."""
        return super().get_queryset(request).defer(*self.never_fetched)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say of an empty list that its default days hide older rows, with a link to all."""
        response = super().changelist_view(request, extra_context)
        changelist = (getattr(response, "context_data", None) or {}).get("cl")
        if changelist and not changelist.result_count and _hides_older(changelist.filter_specs):
            url = changelist.get_query_string({AgeFilter.parameter_name: ALL_AGES})
            text = _('За показанные дни ничего нет: <a href="{}">показать за всё время</a>.')
            messages.info(request, format_html(str(text), url))
        return response

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Nothing is added by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is edited by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted."""
        return False

    def has_run_actions_permission(self, request: HttpRequest) -> bool:
        """Whether the user may run the actions: the Django permission to change the model."""
        return super().has_change_permission(request)


def _hides_older(filter_specs: Iterable[object]) -> bool:
    """Whether a filter by age limits the list."""
    ages = [spec for spec in filter_specs if isinstance(spec, AgeFilter)]
    return any(spec.value() != ALL_AGES for spec in ages)


class EditableAdmin(SupportAdmin):
    """Forms may be saved; every save is audited."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """By the user's Django permission."""
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """By the user's Django permission."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and audit the fields that differ."""
        super().save_model(request, obj, form, change)
        names = form.changed_data
        audit.log_change(
            cabinet=obj if isinstance(obj, Cabinet) else obj.cabinet,
            actor=current_user(request),
            action="admin.changed" if change else "admin.added",
            subject=obj,
            before={name: str(form.initial.get(name, "")) for name in names} if change else {},
            after={name: str(getattr(obj, name)) for name in names},
        )


class AgeFilter(admin.SimpleListFilter):
    """Rows of the last days by `date_field`. A search is not limited unless asked."""

    title = _("Возраст")
    parameter_name = "age"
    date_field = "created_at"
    default_days = 21
    titles = {"1": _("Сутки"), "7": _("Неделя"), "21": _("21 день"), "90": _("90 дней")}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices beside the default."""
        default = str(self.default_days)
        others = [(days, title) for days, title in self.titles.items() if days != default]
        return [*others, (ALL_AGES, _("Всё"))]

    def choices(self, changelist: Any) -> Any:
        """Label the first choice by its days instead of «Все»."""
        default, *others = super().choices(changelist)
        yield default | {"display": self.titles[str(self.default_days)]}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to the days: partitions of other months are not read."""
        days = self.value() or (ALL_AGES if request.GET.get("q") else str(self.default_days))
        if days not in self.titles:
            return queryset
        since = timezone.now() - timedelta(days=int(days))
        return queryset.filter(**{f"{self.date_field}__gte": since})


def restrict_filters(site: admin.AdminSite) -> None:
    """Let the pages that are not ours, of users and groups, accept only the filters they show."""
    for model, registered in list(site._registry.items()):
        if not isinstance(registered, ShownFiltersAdmin):
            kind = type(registered)
            site.unregister(model)
            site.register(model, type(kind.__name__, (ShownFiltersAdmin, kind), {}))
