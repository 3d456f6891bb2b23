"""A refresh that fails half-way, and concurrent ones. S-numbers as in linking/test_start.py."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cabinets import audit
from integrations.models import YandexAccount
from integrations.tokens import refresh
from integrations.tokens.refresh import RefreshOutcome
from tests import factories
from tests.integrations.yandex_id import BASE, YandexId, token_answer

ROUNDS = 10


@pytest.mark.parametrize("what", [audit, YandexAccount])
def test_refresh_that_cannot_be_recorded_changes_neither_token(
    account: YandexAccount, yandex_id: YandexId, monkeypatch: pytest.MonkeyPatch, what: Any
) -> None:
    """S-37: both tokens change together or not at all; the claim stays as evidence."""

    def broken(*_args: object, **_fields: object) -> None:
        raise RuntimeError("the database is gone")

    YandexAccount.objects.update(state="refresh_failed")
    former = (account.access_token, account.refresh_token)
    yandex_id.grants("y0_new", "1:new:b:c")
    monkeypatch.setattr(what, "log_change" if what is audit else "save", broken)

    with pytest.raises(RuntimeError):
        refresh.refresh(account.pk, now=timezone.now())

    kept = YandexAccount.objects.get()
    assert (kept.access_token, kept.refresh_token) == former
    assert kept.refresh_claimed_until is not None
    assert kept.refresh_claimed_until > timezone.now()


@pytest.mark.django_db(transaction=True)
def test_of_two_concurrent_refreshes_one_makes_the_request(yandex_id: YandexId) -> None:
    """S-38: ten races, each of two threads with a connection of their own."""
    account = factories.make_account(cabinet=factories.make_cabinet())
    together = Barrier(2)
    yandex_id.add_callback("POST", f"{BASE}/token", callback=answer_slowly)

    def race(now: Any) -> RefreshOutcome:
        with closing(connection):
            together.wait(timeout=60)
            return refresh.refresh(account.pk, now=now)

    with ThreadPoolExecutor(2) as pool:
        for number in range(1, ROUNDS + 1):
            now = timezone.now() + timedelta(seconds=number)
            outcomes = sorted(pool.map(race, [now, now]))
            assert outcomes == [RefreshOutcome.RENEWED, RefreshOutcome.SKIPPED]
            assert len(yandex_id.forms("/token")) == number


def answer_slowly(_request: Any) -> tuple[int, dict[str, str], str]:
    """Answer so slowly that the other thread certainly starts in between."""
    time.sleep(0.1)
    return 200, {"Content-Type": "application/json"}, json.dumps(token_answer())
