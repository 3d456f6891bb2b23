"""The database is exchanged, or sending halted, while an upload is on its way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, manifest, sending
from calls.models import Upload, UploadAttempt
from calls.runtime import failpoints
from calls.states import UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.installation import guard
from integrations.installation.guard import Permit
from integrations.installation.state import Kind
from integrations.models import Installation, RequestDay
from tests.calls.sandbox_world import rows_in_metrika
from tests.calls.stored import store_call

pytestmark = pytest.mark.contract("B26")


@pytest.fixture
def ready(cabinet: Cabinet, linked_counter: Counter) -> Upload:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    return Upload.objects.get()


@pytest.fixture(autouse=True)
def no_listener() -> Iterator[None]:
    yield
    failpoints.listener = None


def fail_over(upload: Upload) -> None:
    """Go on with a replica that has the upload, and nothing of what happened to it since."""
    UploadAttempt.objects.all().delete()
    Upload.objects.filter(pk=upload.pk).update(
        state=UploadState.READY,
        uploading_id=None,
        attempts=0,
        sent_at=None,
        accepted_at=None,
        lease_until=None,
        next_poll_at=None,
    )
    Installation.objects.update(epoch=0)


def test_failover_between_the_check_and_the_claim_doubles_nothing(
    ready: Upload, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a pooler a sender notices nothing; another one has sent the file before it."""
    check = guard.check

    def check_and_be_late() -> Permit:
        permit = check()
        monkeypatch.setattr(guard, "check", check)
        assert sending.send_upload(ready.pk)
        fail_over(ready)
        return permit

    monkeypatch.setattr(guard, "check", check_and_be_late)

    assert sending.send_upload(ready.pk) is False

    assert len(rows_in_metrika(sandbox)) == 1
    assert guard.state().kind is Kind.BEHIND
    ready.refresh_from_db()
    assert (ready.state, ready.attempts, UploadAttempt.objects.count()) == ("ready", 0, 0)


def test_failover_between_the_claim_and_its_mark_doubles_nothing(
    ready: Upload, sandbox: RunningSandbox
) -> None:
    """On the replica another sender claims with the same epoch, and sends."""

    def fail_over_once(reached: str) -> None:
        if reached == "after_claim":
            failpoints.listener = None
            fail_over(ready)
            assert sending.send_upload(ready.pk)

    failpoints.listener = fail_over_once

    assert sending.send_upload(ready.pk) is False

    assert len(rows_in_metrika(sandbox)) == 1
    ready.refresh_from_db()
    assert (ready.state, ready.attempts) == ("sent", 1)
    assert UploadAttempt.objects.get().http_status == 200


def test_halt_that_is_found_after_the_claim_leaves_nothing_half_sent(
    ready: Upload, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = manifest.keep

    def keep_and_be_halted(upload: Upload, **options: object) -> bool:
        Installation.objects.update(halt_reason="foreign", halted_at=timezone.now())
        return keep(upload, now=timezone.now())

    monkeypatch.setattr(manifest, "keep", keep_and_be_halted)

    sending.send_upload(ready.pk)

    ready.refresh_from_db()
    assert (ready.state, ready.attempts) == ("later", 1)
    assert UploadAttempt.objects.get().ended_at is not None
    assert (RequestDay.objects.get().uploads, rows_in_metrika(sandbox)) == (0, [])
