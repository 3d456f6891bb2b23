"""Admin page of files in Metrika that the database does not know."""

from __future__ import annotations

from collections import defaultdict

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin, current_user
from calls.delivery.unknown_files import decide_files
from calls.models import UnknownFile
from counters.models import Counter


@admin.register(UnknownFile)
class UnknownFileAdmin(SupportAdmin):
    """Files with markers of this installation that no upload has: after a restored database."""

    list_display = ("marker", "counter", "channel", "rows", "create_time", "found_at", "state")
    list_filter = ("state", "channel")
    list_select_related = ("counter",)
    search_fields = ("marker__exact", "counter__number__exact")
    search_help_text = _("Метка или номер счетчика")
    ordering = ("-pk",)
    actions = ("send", "keep")

    @admin.action(
        description=_("Отправить звонки, которые могут быть в файле"), permissions=["run_actions"]
    )
    def send(self, request: HttpRequest, queryset: QuerySet[UnknownFile]) -> None:
        """Send the calls that may be in the open files."""
        self._decide(request, queryset, send=True)

    @admin.action(
        description=_("Не отправлять эти звонки: они уже в Метрике"), permissions=["run_actions"]
    )
    def keep(self, request: HttpRequest, queryset: QuerySet[UnknownFile]) -> None:
        """Hold the calls that may be in the open files to be in Metrika."""
        self._decide(request, queryset, send=False)

    def _decide(self, request: HttpRequest, queryset: QuerySet[UnknownFile], *, send: bool) -> None:
        by_counter: dict[Counter, list[int]] = defaultdict(list)
        for file in queryset.select_related("counter"):
            by_counter[file.counter].append(file.pk)
        actor, now = current_user(request), timezone.now()
        decided = [
            decide_files(counter, send=send, ids=ids, actor=actor, now=now)
            for counter, ids in by_counter.items()
        ]
        done = [calls for calls in decided if calls is not None]
        text = (
            _("Решено о звонках: %d.") % sum(done) if done else _("Ни один файл не ждёт решения.")
        )
        self.message_user(request, text, messages.SUCCESS if done else messages.WARNING)
