"""Creates a JavaScript goal in Metrika, unless the counter has one with the same identifier.

Metrika does not refuse a second goal with the same identifier, so the goals are read before each
creation, and again when its answer was lost. Two presses at once are kept apart by a mark in the
cache; without the cache they may create two goals, which both work.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from cabinets import audit
from counters.models import Counter, Goal
from counters.sync.goals import refresh_goals
from integrations.api_call import MetrikaUnavailable, call_metrika
from integrations.linking.flow import may_change_counters
from integrations.models import YandexAccount
from integrations.yandex.errors import YandexError
from integrations.yandex.records import GoalInfo

logger = logging.getLogger(__name__)

MAX_IDENTIFIER = 255
#: https://www.yandex.ru/support/metrica/en/general/goal-js-event
FORBIDDEN = frozenset('/\\&#?="')
#: For how long a press keeps others from creating the same goal, should its process die.
CLAIM_SECONDS = 60
LIMIT_EXCEEDED = "limit_exceeded"
#: From so few free places on, a page warns that the goals are nearly full.
NEARLY_FULL = 10

NO_SCOPE = _(
    "Чтобы создавать цели отсюда, переподключите аккаунт Яндекса и оставьте разрешение изменять "
    "счетчики. Или создайте цель в Метрике и нажмите «Обновить цели»."
)
#: Where the product does not ask for the right, connecting again would not help.
NOT_ASKED = _("Здесь цели не создаются: создайте цель в Метрике и нажмите «Обновить цели».")
FULL = _("В счетчике больше нет места для целей. Удалите в Метрике ненужную и попробуйте ещё раз.")
IN_PROGRESS = _("Эта цель уже создаётся. Нажмите «Обновить цели» через минуту.")
UNCLEAR = _(
    "Метрика не ответила, создана ли цель. Через минуту нажмите «Обновить цели»: если цель не "
    "появилась, создайте её ещё раз."
)


@dataclass(frozen=True)
class GoalWanted:
    """A goal by which uploaded rows are counted: its name and the identifier of its event."""

    name: str | Promise
    identifier: str


#: The goals that CallKeeper's own scripts reach, by the key of their button.
OF_CALLBACKS = "callback"
PRESETS = {
    "calltracking": GoalWanted(_("Звонок коллтрекинга"), "calltracking_call_order"),
    OF_CALLBACKS: GoalWanted(_("Обратный звонок"), "call"),
}


class GoalNotCreated(Exception):
    """The goal is not there. ``sentence`` says why, and what to do."""

    def __init__(self, sentence: str | Promise) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def may_create_goals(account: YandexAccount) -> bool:
    """Whether the account was linked with the right to create goals."""
    return may_change_counters(account.scopes)


def may_ask_for_goals() -> bool:
    """Whether linking asks for the right to create goals: YANDEX_SCOPES may name it as well."""
    return may_change_counters((*settings.YANDEX_SCOPES, *settings.YANDEX_OPTIONAL_SCOPES))


def obstacle_to_goals(account: YandexAccount) -> str | Promise:
    """Return why no goals can be created with the account, '' when they can."""
    if may_create_goals(account):
        return ""
    return NO_SCOPE if may_ask_for_goals() else NOT_ASKED


def is_valid_identifier(text: str) -> bool:
    """Whether Metrika takes it as the identifier of an event."""
    has_space = any(char.isspace() or not char.isprintable() for char in text)
    return 0 < len(text) <= MAX_IDENTIFIER and not has_space and not FORBIDDEN & set(text)


def goals_left(counter: Counter) -> int | None:
    """Return how many goals the counter has room for, as last seen; None when it is not known."""
    if counter.goals_total is None:
        return None
    return max(settings.METRIKA_GOAL_LIMIT - counter.goals_total, 0)


def present_presets(counter: Counter) -> set[str]:
    """Return the keys of the presets whose goals the counter has, as of the last reading."""
    wanted = {one.identifier: key for key, one in PRESETS.items()}
    found = counter.goals.filter(identifier__in=wanted, deleted_at=None)
    return {wanted[identifier] for identifier in found.values_list("identifier", flat=True)}


def ensure_goal(
    counter: Counter, wanted: GoalWanted, *, actor: User, now: datetime
) -> tuple[Goal, bool]:
    """Return the counter's goal with the identifier, and whether it was created now.

    Raises GoalNotCreated. Makes requests: never call inside a transaction.
    """
    if obstacle := obstacle_to_goals(counter.account):
        raise GoalNotCreated(obstacle)
    if not _claim(counter, wanted):
        raise GoalNotCreated(IN_PROGRESS)
    try:
        return _found_or_created(counter, wanted, actor, now)
    except MetrikaUnavailable as problem:
        raise GoalNotCreated(problem.sentence) from problem
    finally:
        _release(counter, wanted)


def _found_or_created(
    counter: Counter, wanted: GoalWanted, actor: User, now: datetime
) -> tuple[Goal, bool]:
    refresh_goals(counter, now=now)
    found = _find(counter, wanted)
    if found is not None:
        return found, False
    info = _create(counter, wanted)
    if info is not None:
        # Before the goals are read again: that may fail, and the goal is in Metrika.
        _record(counter, wanted, actor, goal_id=info.goal_id)
    created = None
    try:
        refresh_goals(counter, now=now)
        created = _find(counter, wanted)
    finally:
        if info is None:
            _record(counter, wanted, actor, goal_id=created.goal_id if created else None)
    if created is None:
        raise GoalNotCreated(UNCLEAR)
    return created, True


def _create(counter: Counter, wanted: GoalWanted) -> GoalInfo | None:
    """Send the creation once; return the goal, None when the answer was lost."""
    try:
        return call_metrika(
            counter.account,
            lambda client: client.create_goal(
                counter.number, name=str(wanted.name), identifier=wanted.identifier
            ),
        )
    except MetrikaUnavailable as problem:
        cause = problem.__cause__
        if not isinstance(cause, YandexError):
            raise
        if cause.error_type == LIMIT_EXCEEDED:
            raise GoalNotCreated(FULL) from problem
        if not cause.may_have_arrived:
            raise
        return None


def _find(counter: Counter, wanted: GoalWanted) -> Goal | None:
    found = counter.goals.filter(identifier=wanted.identifier, deleted_at=None)
    return found.order_by("goal_id").first()


@transaction.atomic
def _record(counter: Counter, wanted: GoalWanted, actor: User, *, goal_id: int | None) -> None:
    """Write that the goal was created; without its number, that it may have been."""
    action = "counter.goal_created" if goal_id is not None else "counter.goal_creation_unclear"
    after = {"name": str(wanted.name), "identifier": wanted.identifier, "goal_id": goal_id}
    audit.log_change(
        cabinet=counter.cabinet, actor=actor, action=action, subject=counter, after=after
    )


def _key(counter: Counter, wanted: GoalWanted) -> str:
    return f"goal-created:{counter.pk}:{wanted.identifier.encode().hex()}"


def _claim(counter: Counter, wanted: GoalWanted) -> bool:
    try:
        return cache.add(_key(counter, wanted), True, CLAIM_SECONDS)
    except RedisError as problem:
        logger.warning("presses for a goal are not kept apart: %s", type(problem).__name__)
        return True


def _release(counter: Counter, wanted: GoalWanted) -> None:
    try:
        cache.delete(_key(counter, wanted))
    except RedisError as problem:
        logger.warning("a press for a goal is not released: %s", type(problem).__name__)
