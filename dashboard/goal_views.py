"""The view that creates a goal in Metrika from the settings window, and what the window offers."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cabinets.access import CabinetRequest, manage_required
from cabinets.quotes import quoted
from counters.models import Counter, Goal
from counters.settings.forms import CounterSettingsForm
from counters.sync.goal_creation import (
    NEARLY_FULL,
    OF_CALLBACKS,
    PRESETS,
    GoalNotCreated,
    GoalWanted,
    ensure_goal,
    goals_left,
    is_valid_identifier,
    may_ask_for_goals,
    obstacle_to_goals,
    present_presets,
)
from counters.sync.goals import call_goals


@dataclass(frozen=True)
class GoalOffers:
    """What the settings window offers about goals, by the keys of their buttons.

    ``presets`` would be created, ``existing`` are in the counter and can be chosen; or ``obstacle``
    says why none can be made. ``call_goals``: names of the goals that Metrika made by itself.
    """

    presets: dict[str, GoalWanted]
    existing: dict[str, GoalWanted]
    obstacle: str | Promise
    is_cured_by_linking: bool
    room: str
    is_nearly_full: bool
    call_goals: list[str]


def offers_of(counter: Counter) -> GoalOffers:
    """Return the offers for a counter. Load it with its account."""
    left = goals_left(counter)
    present = present_presets(counter)
    return GoalOffers(
        presets={key: one for key, one in PRESETS.items() if key not in present},
        existing={key: one for key, one in PRESETS.items() if key in present},
        obstacle=obstacle_to_goals(counter.account),
        is_cured_by_linking=may_ask_for_goals(),
        room="" if left is None else _room(counter, left),
        is_nearly_full=left is not None and left <= NEARLY_FULL,
        call_goals=[quoted(goal.name) for goal in call_goals(counter)],
    )


@require_POST
@manage_required
def create_goal(request: CabinetRequest, pk: int) -> HttpResponse:
    """Create the goal in Metrika if the counter has none with its identifier, and choose it.

    Nothing is saved: the goal is chosen in the form, where other edits stay. htmx takes the list of
    goals out of the answer; without it the settings window is opened with the goal chosen.
    """
    counter = get_object_or_404(request.cabinet.counters.present().with_details(), pk=pk)
    chosen = _ensure(request, counter)
    field = _field_of(request, counter, chosen)
    if request.htmx:
        return _list_of_goals(request, counter, {field: chosen.pk} if chosen else {})
    query = f"?{field}={chosen.pk}" if chosen else ""
    return HttpResponseRedirect(reverse("counters:settings", args=[pk]) + query)


def _ensure(request: CabinetRequest, counter: Counter) -> Goal | None:
    wanted = PRESETS.get(request.POST.get("preset", "")) or _own(request)
    if wanted is None:
        text = _('Введите идентификатор цели: без пробелов и знаков / \\ & # ? = ".')
        messages.error(request, text)
        return None
    try:
        goal, is_new = ensure_goal(counter, wanted, actor=request.user, now=timezone.now())
    except GoalNotCreated as problem:
        messages.error(request, str(problem.sentence))
        return None
    text = _("Цель «%(name)s» создана в Метрике и выбрана. Нажмите «Сохранить».")
    if not is_new:
        text = _("Цель «%(name)s» уже есть в Метрике: она выбрана. Нажмите «Сохранить».")
    messages.success(request, text % {"name": goal.name})
    return goal


def _field_of(request: CabinetRequest, counter: Counter, chosen: Goal | None) -> str:
    """Return the field that takes the goal: a second goal for callbacks goes beside the first."""
    first = request.POST.get("goal") or str(counter.goal_id or "")
    is_second = bool(first) and chosen is not None and first != str(chosen.pk)
    is_of_callbacks = request.POST.get("preset") == OF_CALLBACKS
    return "callback_goal" if is_second and is_of_callbacks else "goal"


def _own(request: CabinetRequest) -> GoalWanted | None:
    identifier = request.POST.get("identifier", "").strip()
    return GoalWanted(identifier, identifier) if is_valid_identifier(identifier) else None


def _list_of_goals(
    request: CabinetRequest, counter: Counter, chosen: dict[str, int]
) -> HttpResponse:
    form = CounterSettingsForm(counter=counter)
    for name in ("goal", "callback_goal"):
        form.initial[name] = chosen.get(name, request.POST.get(name, ""))
    # A press that chose a goal is done: the menu is drawn anew, closed, and the list has the focus.
    if chosen:
        form.fields[next(iter(chosen))].widget.attrs["autofocus"] = True
        counter.refresh_from_db(fields=["goals_total"])
    offers = offers_of(counter) if chosen else None
    return render(request, "counters/_goal_list.html", {"form": form, "offers": offers})


def _room(counter: Counter, left: int) -> str:
    values = {"total": counter.goals_total, "limit": settings.METRIKA_GOAL_LIMIT, "left": left}
    text = _("Целей в счетчике: %(total)d из %(limit)d. Можно создать ещё: %(left)d.")
    if not left:
        text = _("Целей в счетчике: %(total)d из %(limit)d. Места для новых нет.")
    return text % values
