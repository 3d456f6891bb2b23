"""What the tests of pauses share: two counters of a login, and what the sandbox has of each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from calls.delivery import sending
from calls.queries.blockers import blocker_of
from counters.models import Counter
from counters.sync.refresh import refresh_account
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from tests.devtools.sandbox.actor import control

NEIGHBOUR = 91234568


def send() -> None:
    sending.send_due(seconds=30)


def held(sandbox: RunningSandbox) -> dict[int, int]:
    summary = control(sandbox, "ledger")["ledger"]
    return {row["counter"]: row["rows"] for row in summary}


def blocker(counter: Counter) -> str:
    return blocker_of(
        Counter.objects.select_related("account").get(pk=counter.pk), now=timezone.now()
    )


def give_tokens(counter: Counter, answer: dict[str, Any], *, days_old: int = 1) -> None:
    """Give the counter's account these tokens, as if it was linked some days ago."""
    account = YandexAccount.objects.get(pk=counter.account_id)
    account.access_token, account.refresh_token = answer["access_token"], answer["refresh_token"]
    account.token_issued_at = timezone.now() - timedelta(days=days_old)
    account.save(update_fields=["access_token", "refresh_token", "token_issued_at"])


def refresh_counters(hours: int) -> None:
    account = YandexAccount.objects.get()
    YandexAccount.objects.update(counters_refreshed_at=timezone.now() - timedelta(hours=hours))
    assert refresh_account(account.pk, now=timezone.now()) is True
