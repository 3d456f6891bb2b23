"""Graceful shutdown: every loop of delivery ends between two items."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.delivery import batching, bisection, lookup, polling
from calls.reconciliation import run as reconciling
from calls.runtime import shutdown
from calls.states import UploadState
from integrations.models import YandexAccount
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

pytestmark = pytest.mark.contract("B25")


@pytest.fixture(autouse=True)
def byte_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the shared byte: it would keep its value after the test."""
    monkeypatch.setattr(shutdown, "_requested", bytearray(1))


@pytest.fixture
def two_of_each(cabinet: Cabinet, account: YandexAccount, settings: Settings) -> None:
    """Two counters that both have work to batch, to poll, to look up and to bisect."""
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    for _ in range(2):
        counter = factories.make_counter(account=account)
        make_delivery(call=make_call(cabinet=cabinet), counter=counter)
        make_upload(counter=counter, next_poll_at=timezone.now())
        for state in (UploadState.UNCLEAR, UploadState.SPLITTING):
            make_upload(counter=counter, state=state, uploading_id=None)


@pytest.mark.parametrize(
    ("module", "step", "run"),
    [
        (batching, "build_upload", lambda: batching.build_uploads(now=timezone.now())),
        (polling, "poll", polling.poll_open),
        (lookup, "look_up", lookup.resolve_unclear),
        (bisection, "isolate", lambda: bisection.isolate_refused(now=timezone.now())),
        (
            reconciling,
            "reconcile",
            lambda: reconciling.reconcile_due(now=timezone.now(), seconds=60),
        ),
    ],
)
def test_a_shutdown_takes_effect_between_two_items(
    two_of_each: None,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    step: str,
    run: Callable[[], object],
) -> None:
    begun: list[str] = []
    meanwhile: list[Callable[[], None]] = []

    def item(*_given: Any, **_named: Any) -> int | None:
        begun.append(step)
        for act in meanwhile:
            act()
        return None if step == "build_upload" else 0

    monkeypatch.setattr(module, step, item)
    run()
    assert begun == [step, step]

    meanwhile.append(shutdown.request)
    run()
    assert begun == [step, step, step]
    run()
    assert begun == [step, step, step]
