"""The page that copies settings: choose counters and parts, see the differences, save."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cabinets.access import CabinetRequest
from cabinets.plurals import plural
from cabinets.quotes import quoted
from calls.queries.connection import awaiting_by_counter
from counters.models import Counter
from counters.pages.flash_messages import MAX_LISTED
from counters.pages.query_values import number_or_none
from counters.settings.copying import Origin, Proposal, proposals
from counters.settings.parts import DEFAULT_PARTS, PARTS
from dashboard.first_save import NotAsked
from dashboard.settings_copy import Copied, copy_settings, counters_by_number

#: So many counters are saved by one press: each is a transaction of its own.
MAX_TARGETS = 200
#: Answers to what becomes of calls that wait for a counter's first settings.
SEND, SKIP = "send", "skip"


@dataclass(frozen=True)
class Choice:
    """What the person has chosen so far; read from the form."""

    numbers: list[int]
    parts: list[str]
    versions: dict[int, int]
    origin_version: int | None
    waiting: str

    @property
    def sends_waiting(self) -> bool | None:
        """Whether waiting calls are sent; None while the person was not asked."""
        return self.waiting == SEND if self.waiting in (SEND, SKIP) else None


@dataclass(frozen=True)
class CopyPage:
    """The page for one origin: what it is called, where it leads back, whom it may copy to."""

    origin: Origin
    title: str
    back_url: str
    back_name: str
    targets: list[Counter]


def respond(request: CabinetRequest, page: CopyPage) -> HttpResponse:
    """Show the choice (GET), the differences (POST), or save them (POST with ``step=save``)."""
    if request.method == "GET":
        return _choose(request, page, Choice([], list(DEFAULT_PARTS), {}, None, ""))
    choice = _read(request.POST)
    step = request.POST.get("step", "")
    error = "" if step == "choose" else _error_of(choice)
    if step == "choose" or error:
        return _choose(request, page, choice, error=error)
    if step != "save":
        return _preview(request, page, choice)
    if choice.origin_version != page.origin.version:
        text = _("Исходные настройки изменились, пока вы смотрели. Ниже отличия от новых.")
        return _preview(request, page, choice, error=text)
    return _save(request, page, choice)


def _read(form: QueryDict) -> Choice:
    numbers = [n for n in map(number_or_none, form.getlist("numbers")) if n is not None]
    versions = {number: number_or_none(form.get(f"version-{number}", "")) for number in numbers}
    known = {part.key for part in PARTS}
    return Choice(
        numbers=list(dict.fromkeys(numbers)),
        parts=[key for key in dict.fromkeys(form.getlist("parts")) if key in known],
        versions={number: version for number, version in versions.items() if version is not None},
        origin_version=number_or_none(form.get("origin_version", "")),
        waiting=form.get("waiting", ""),
    )


def _error_of(choice: Choice) -> str:
    if not choice.numbers:
        return _("Выберите хотя бы один счетчик.")
    if not choice.parts:
        return _("Отметьте, что копировать.")
    if len(choice.numbers) > MAX_TARGETS:
        text = _("За один раз можно выбрать не больше %(most)d счетчиков.")
        return text % {"most": MAX_TARGETS}
    return ""


def _choose(
    request: CabinetRequest, page: CopyPage, choice: Choice, *, error: str = ""
) -> HttpResponse:
    context = {
        "page": page,
        "parts": PARTS,
        "chosen_parts": choice.parts,
        "chosen": set(choice.numbers),
        "error": error,
    }
    return render(request, "counters/settings_copy.html", context)


def _preview(
    request: CabinetRequest, page: CopyPage, choice: Choice, *, error: str = ""
) -> HttpResponse:
    rows = proposals(page.origin, choice.parts, _chosen(page, choice.numbers))
    awaiting = awaiting_by_counter(request.cabinet, now=timezone.now())
    savable = [row for row in rows if row.can_be_saved]
    context = {
        "page": page,
        "choice": choice,
        "rows": rows,
        "savable": len(savable),
        "waiting_count": sum(awaiting.get(row.counter.pk, 0) for row in savable if row.is_first),
        "part_titles": [part.title for part in PARTS if part.key in choice.parts],
        "error": error,
        "save_label": _save_label(savable),
    }
    return render(request, "counters/settings_copy_preview.html", context)


def _save(request: CabinetRequest, page: CopyPage, choice: Choice) -> HttpResponse:
    counters = counters_by_number(
        request.cabinet, {one.number for one in _chosen(page, choice.numbers)}
    )
    try:
        result = copy_settings(
            page.origin,
            choice.parts,
            counters,
            choice.versions,
            sends_waiting=choice.sends_waiting,
            actor=request.user,
            now=timezone.now(),
        )
    except NotAsked:
        return _preview(request, page, choice, error=_("Выберите, что сделать с ждущими звонками."))
    notify_copied(request, page.origin.name, result)
    return HttpResponseRedirect(reverse("counters:list"))


def _chosen(page: CopyPage, numbers: Collection[int]) -> list[Counter]:
    wanted = set(numbers)
    return [one for one in page.targets if one.number in wanted]


def _save_label(savable: list[Proposal]) -> str:
    text = plural(
        len(savable),
        _("Скопировать в %(count)d счетчик"),
        _("Скопировать в %(count)d счетчика"),
        _("Скопировать в %(count)d счетчиков"),
    )
    return text % {"count": len(savable)}


def notify_copied(request: CabinetRequest, name: str, result: Copied) -> None:
    """Say which counters have the settings now, and which were left as they were."""
    count = len(result.saved)
    if count:
        text = plural(
            count,
            _("Настройки «%(name)s» скопированы в %(count)d счетчик."),
            _("Настройки «%(name)s» скопированы в %(count)d счетчика."),
            _("Настройки «%(name)s» скопированы в %(count)d счетчиков."),
        )
        rest = _(
            "Ждущие звонки решаются по ним. Вернуть прежние можно в истории настроек каждого "
            "счетчика."
        )
        messages.success(request, f"{text % {'name': name, 'count': count}} {rest}")
    elif not result.changed_meanwhile:
        messages.info(request, _("Копировать нечего: настройки уже совпадают."))
    if result.changed_meanwhile:
        names = ", ".join(quoted(one.name) for one in result.changed_meanwhile[:MAX_LISTED])
        unlisted = len(result.changed_meanwhile) - MAX_LISTED
        if unlisted > 0:
            names += _(" и ещё %(count)d") % {"count": unlisted}
        text = _(
            "Не изменены, потому что их настройки изменились, пока вы смотрели: %(names)s. "
            "Откройте копирование ещё раз, чтобы увидеть новые отличия."
        )
        messages.warning(request, text % {"names": names})
