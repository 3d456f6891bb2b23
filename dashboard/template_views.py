"""Views of the templates of settings: the list, saving one, applying it to counters, deleting."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cabinets.access import CabinetRequest, cabinet_required, manage_required
from counters.models import Counter, SettingsTemplate
from counters.settings.templates import (
    MAX_TEMPLATES,
    NameTaken,
    TooMany,
    delete_template,
    origin_of_template,
    save_template,
    words_of,
)
from dashboard.settings_copy_page import CopyPage, respond

MAX_NAME = 100


@require_safe
@cabinet_required
def template_list(request: CabinetRequest) -> HttpResponse:
    """Show the cabinet's templates and what is in them."""
    found = _templates(request).select_related("created_by").order_by("name")
    templates = [{"template": one, "words": words_of(one)} for one in found]
    return render(request, "counters/template_list.html", {"templates": templates})


@require_http_methods(["GET", "POST"])
@manage_required
def add_template(request: CabinetRequest, pk: int) -> HttpResponse:
    """Ask for the name of a template with the counter's saved settings (GET), or keep it (POST)."""
    counter = get_object_or_404(request.cabinet.counters.present().with_details(), pk=pk)
    if request.method == "GET":
        return _add_page(request, counter)
    name = " ".join(request.POST.get("name", "").split())
    error = _error_of(name) or _save(request, counter, name)
    if error:
        return _add_page(request, counter, name=name, error=error)
    messages.success(request, _("Шаблон «%(name)s» сохранён.") % {"name": name})
    return HttpResponseRedirect(reverse("counters:templates"))


@require_http_methods(["GET", "POST"])
@manage_required
def apply_template(request: CabinetRequest, pk: int) -> HttpResponse:
    """Save the template's settings in counters of the cabinet, the differences first."""
    template = get_object_or_404(_templates(request), pk=pk)
    counters = request.cabinet.counters.present().with_details()
    page = CopyPage(
        origin=origin_of_template(template),
        title=_("Применить шаблон «%(name)s»") % {"name": template.name},
        back_url=reverse("counters:templates"),
        back_name=_("Шаблоны настроек"),
        targets=list(counters.order_by("name", "number")),
    )
    return respond(request, page)


@require_http_methods(["GET", "POST"])
@manage_required
def remove_template(request: CabinetRequest, pk: int) -> HttpResponse:
    """Explain what deleting the template means (GET), or do it (POST)."""
    template = get_object_or_404(_templates(request), pk=pk)
    if request.method == "GET":
        return render(request, "counters/template_delete.html", {"template": template})
    try:
        delete_template(template=template, actor=request.user)
    except SettingsTemplate.DoesNotExist:
        raise Http404 from None
    text = _("Шаблон «%(name)s» удалён. Настройки счетчиков не изменились.")
    messages.success(request, text % {"name": template.name})
    return HttpResponseRedirect(reverse("counters:templates"))


def _templates(request: CabinetRequest) -> QuerySet[SettingsTemplate]:
    return request.cabinet.settings_templates.all()


def _error_of(name: str) -> str:
    if not name:
        return _("Введите название шаблона.")
    if len(name) > MAX_NAME or "\0" in name:
        return _("Не больше %(most)d знаков, без служебных.") % {"most": MAX_NAME}
    return ""


def _save(request: CabinetRequest, counter: Counter, name: str) -> str:
    """Keep the template; return why it could not be, '' when it is."""
    try:
        save_template(counter=counter, name=name, actor=request.user, now=timezone.now())
    except NameTaken:
        return _("Шаблон с таким названием уже есть. Введите другое или удалите прежний.")
    except TooMany:
        text = _("В кабинете уже %(most)d шаблонов: удалите ненужные.")
        return text % {"most": MAX_TEMPLATES}
    return ""


def _add_page(
    request: CabinetRequest, counter: Counter, *, name: str = "", error: str = ""
) -> HttpResponse:
    page = {"counter": counter, "name": name, "error": error, "most": MAX_NAME}
    return render(request, "counters/template_add.html", page)
