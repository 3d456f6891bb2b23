"""Counters by what is true of them, so that no caller spells the columns."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models

from counters import sendable
from counters.states import Access
from integrations.models import YandexAccount

Model = TypeVar("Model", bound=models.Model, covariant=True)


class CounterQuerySet(models.QuerySet[Model]):
    """The queries of `Counter.objects`."""

    def present(self) -> Self:
        """Leave out the removed ones: their rows stay for the history."""
        return self.filter(removed_at=None)

    def removed(self) -> Self:
        """Keep only the removed ones."""
        return self.exclude(removed_at=None)

    def without_access(self) -> Self:
        """Keep those that their account may not write to."""
        return self.exclude(access=Access.OK)

    def stopped(self) -> Self:
        """Keep those whose uploads Metrika refuses for a cause of the counter."""
        return self.exclude(stopped_cause="")

    def held_up(self) -> Self:
        """Keep those with a cause of their own why calls wait: see `counters.causes.cause_of`."""
        return self.filter(
            ~models.Q(access=Access.OK)
            | ~models.Q(stopped_cause="")
            | models.Q(goal__deleted_at__isnull=False)
            | models.Q(goal__isnull=False, callback_goal__deleted_at__isnull=False)
        )

    def cut_off(self) -> Self:
        """Keep those in use whose account is disconnected: their calls wait."""
        in_use = self.filter(removed_at=None, enabled=True)
        return in_use.filter(account__state=YandexAccount.State.DISCONNECTED)

    def sendable(self) -> Self:
        """Keep those to which calls may be sent now."""
        return self.filter(sendable.as_q(sendable.SENDABLE))

    def with_account(self) -> Self:
        """Load the account without its tokens: a damaged token would make the whole list fail."""
        return self.select_related("account").defer(
            "account__access_token", "account__refresh_token"
        )

    def with_details(self) -> Self:
        """Load account, goal and cabinet as well: what a page about a counter reads."""
        return self.select_related("account", "goal", "callback_goal", "cabinet")
