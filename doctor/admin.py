"""Admin pages of the checks that people ordered."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin
from doctor.models import Examination, ExaminationStep


@admin.register(Examination)
class ExaminationAdmin(SupportAdmin):
    """The last check of each cabinet."""

    list_display = ("cabinet", "requested_at", "requested_by", "finished_at")
    list_select_related = ("cabinet", "requested_by")
    search_fields = ("cabinet__name",)
    search_help_text = _("Кабинет")
    ordering = ("-requested_at", "pk")
    fields = ("cabinet", "requested_at", "requested_by", "finished_at")


@admin.register(ExaminationStep)
class ExaminationStepAdmin(SupportAdmin):
    """What each step asked, and why it failed."""

    list_display = ("examination", "account", "counter", "done_at", "problem")
    list_select_related = ("examination", "account", "counter")
    search_fields = ("examination__cabinet__name", "account__login")
    search_help_text = _("Кабинет, логин аккаунта")
    ordering = ("-pk",)
    never_fetched = ("account__access_token", "account__refresh_token")
    fields = ("examination", "account", "counter", "claimed_until", "done_at", "problem")
