"""Once a day the ledger is compared with itself and with what Metrika holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, bisection, resend, sending
from calls.models import Delivery, Difference, Reconciliation, Upload
from calls.reconciliation import run as reconciling
from calls.runtime import shutdown
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import RequestDay, YandexAccount
from tests import factories
from tests.calls.ledger import make_upload
from tests.calls.sandbox_world import fault
from tests.calls.stored import row_of, store_call
from tests.devtools.sandbox.actor import Actor

pytestmark = pytest.mark.contract("C5")
LATER = timedelta(hours=2)


@pytest.fixture
def settled(cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox) -> Counter:
    """A counter that has long been there, with two calls sent and one that waits."""
    long_ago = timezone.now() - timedelta(days=3)
    Counter.objects.filter(pk=linked_counter.pk).update(added_at=long_ago)
    for _ in range(2):
        store_call(cabinet=cabinet)
    deliver()
    store_call(cabinet=cabinet)
    return Counter.objects.select_related("account").get(pk=linked_counter.pk)


def deliver() -> None:
    for _ in range(20):
        now = timezone.now()
        moved = batching.build_uploads(now=now) + sending.send_due(seconds=30)
        if not moved + bisection.isolate_refused(now=timezone.now()):
            return


def later() -> datetime:
    """Metrika's list may lag behind for an hour."""
    return timezone.now() + LATER


def codes() -> list[str]:
    latest = Difference.objects.filter(reconciliation__is_latest=True)
    return sorted(latest.values_list("code", flat=True))


def test_what_agrees_is_counted_and_costs_one_request(settled: Counter) -> None:
    before = RequestDay.objects.get().other

    result = reconciling.reconcile(settled, now=later())

    assert (result.calls, result.deliveries, result.uploads, result.uploadings) == (3, 6, 1, 1)
    assert (result.difference_count, codes()) == (0, [])
    assert RequestDay.objects.get().other == before + 1


def test_searches_and_repeats_agree_too(
    cabinet: Cabinet, settled: Counter, sandbox: RunningSandbox
) -> None:
    for tag in ("а", "яд", "б", "в"):
        store_call(cabinet=cabinet, tags=[tag])
    fault(sandbox, "whole_file_400", marker="яд", times=None)
    deliver()
    sent = Delivery.objects.filter(upload__state="sent").select_related("call")[0]
    resend.order(row_of(sent.call), number=1, actor=None, now=timezone.now())
    deliver()

    assert reconciling.reconcile(settled, now=later()).difference_count == 0


def test_an_upload_that_metrika_does_not_have_is_said(
    settled: Counter,
) -> None:
    lost = make_upload(counter=settled, accepted_at=timezone.now())

    reconciling.reconcile(settled, now=later())

    found = Difference.objects.get(code="missing_there")
    assert (found.upload, found.ours) == (lost, str(lost.uploading_id))


@pytest.mark.contract("B8")
def test_a_double_of_a_finished_upload_is_said_with_both_numbers(
    settled: Counter, metrika: Actor, owner_client: Client
) -> None:
    upload = Upload.objects.get()
    again = metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=upload.marker)
    assert again.status_code == 200
    Upload.objects.update(state="processed")

    reconciling.reconcile(settled, now=later())

    found = Difference.objects.get(code="doubled")
    twice = sorted([upload.uploading_id, again.json()["uploading"]["id"]])
    assert (found.upload, found.uploading_ids) == (upload, twice)
    assert "есть расхождения" in owner_client.get("/lk/integrations").content.decode()


def test_a_marker_of_ours_that_we_do_not_know_is_said(settled: Counter, metrika: Actor) -> None:
    metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=f"ck{7:032x}")
    metrika.upload("ClientId,DateTime\n1,1767607384\n", comment="foreign")

    reconciling.reconcile(settled, now=later())

    assert codes() == ["unknown_marker"]


def test_a_call_without_its_deliveries_is_said(settled: Counter) -> None:
    Delivery.objects.filter(upload=None, channel=1).delete()

    reconciling.reconcile(settled, now=later())

    found = Difference.objects.get()
    assert (found.code, found.ours, found.theirs) == ("calls_deliveries", "6", "5")


def test_an_upload_whose_rows_are_not_its_deliveries_is_said(settled: Counter) -> None:
    Upload.objects.update(rows=5)

    reconciling.reconcile(settled, now=later())

    assert codes() == ["quantity", "rows_deliveries"]


def test_without_metrika_the_ledger_is_compared_with_itself(
    settled: Counter, sandbox: RunningSandbox
) -> None:
    fault(sandbox, "html_5xx", times=None)

    result = reconciling.reconcile(settled, now=later())

    assert (result.uploadings, result.difference_count) == (None, 0)


def test_every_counter_is_compared_once_a_day(settled: Counter) -> None:
    now = timezone.now()

    assert reconciling.reconcile_due(now=now, seconds=60) == 1
    assert reconciling.reconcile_due(now=now + timedelta(hours=23, minutes=59), seconds=60) == 0
    assert reconciling.reconcile_due(now=now + timedelta(hours=24), seconds=60) == 1
    latest = Reconciliation.objects.filter(is_latest=True)
    assert (Reconciliation.objects.count(), latest.count()) == (2, 1)


def double(metrika: Actor) -> None:
    """Let Metrika hold the only upload twice."""
    again = metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=Upload.objects.get().marker)
    assert again.status_code == 200
    Upload.objects.update(state="processed")


def test_what_was_known_of_metrika_stays_known_while_it_cannot_be_asked(
    settled: Counter, sandbox: RunningSandbox, metrika: Actor, owner_client: Client
) -> None:
    double(metrika)
    Delivery.objects.filter(upload=None, channel=1).delete()
    seen = reconciling.reconcile(settled, now=later())
    assert codes() == ["calls_deliveries", "doubled"]

    fault(sandbox, "html_5xx", times=None)
    for _ in range(2):
        result = reconciling.reconcile(settled, now=later())
        assert (result.uploadings, result.difference_count) == (None, 2)
        assert codes() == ["calls_deliveries", "doubled"]

    first, last = (one.differences.get(code="doubled") for one in (seen, result))
    assert (first.upload, first.uploading_ids) == (last.upload, last.uploading_ids)
    assert "есть расхождения" in owner_client.get("/lk/integrations").content.decode()


def test_what_metrika_no_longer_tells_is_gone_when_it_is_asked_again(
    settled: Counter, sandbox: RunningSandbox
) -> None:
    lost = make_upload(counter=settled, accepted_at=timezone.now())
    reconciling.reconcile(settled, now=later())
    fault(sandbox, "html_5xx")
    reconciling.reconcile(settled, now=later())
    assert codes() == ["missing_there", "rows_deliveries"]

    Upload.objects.filter(pk=lost.pk).update(state="unclear")
    reconciling.reconcile(settled, now=later())
    assert codes() == ["rows_deliveries"]


def due(after: timedelta) -> bool:
    at = Reconciliation.objects.get(is_latest=True).at + after
    return bool(reconciling.due(at))


@pytest.mark.parametrize(
    ("account", "access", "hours"),
    [
        ("active", "ok", 1),
        # nobody can be asked before a person has acted
        ("reauth_required", "ok", 24),
        ("active", "lost", 24),
    ],
)
def test_metrika_that_could_not_be_asked_is_asked_within_the_hour(
    settled: Counter, account: str, access: str, hours: int
) -> None:
    day_spent = {"uploads": 4000, "polls": 4000, "other": 4000}
    RequestDay.objects.update(**day_spent)
    assert reconciling.reconcile(settled, now=later()).uploadings is None
    YandexAccount.objects.update(state=account)
    Counter.objects.update(access=access)

    assert not due(timedelta(hours=hours, minutes=-1))
    assert due(timedelta(hours=hours))


def test_a_comparison_that_breaks_does_not_stop_the_others(
    settled: Counter, account: YandexAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = factories.make_counter(account=account)
    compare = reconciling.reconcile

    def break_for_one(counter: Counter, *, now: datetime) -> Reconciliation:
        if counter == settled:
            raise RuntimeError
        return compare(counter, now=now)

    monkeypatch.setattr(reconciling, "reconcile", break_for_one)

    assert reconciling.reconcile_due(now=timezone.now(), seconds=60) == 1

    assert Reconciliation.objects.get().counter == sound


def test_none_is_always_the_first_to_be_compared(
    account: YandexAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = [factories.make_counter(account=account) for _ in range(3)]
    first: list[int] = []

    def reconcile(counter: Counter, *, now: datetime) -> None:
        # It takes all the time there is.
        first.append(counter.pk)
        shutdown.request()
        raise RuntimeError

    monkeypatch.setattr(reconciling, "reconcile", reconcile)
    for run in range(3):
        monkeypatch.setattr(shutdown, "_requested", bytearray(1))
        reconciling.reconcile_due(now=timezone.now() + run * timedelta(minutes=10), seconds=60)

    assert sorted(first) == [counter.pk for counter in counters]


def test_the_command_ends_with_one_when_something_differs(settled: Counter, capsys: Any) -> None:
    call_command("reconcile", cabinet=settled.cabinet_id)
    assert "1 counters agree" in capsys.readouterr().out

    Upload.objects.update(rows=5)

    with pytest.raises(CommandError, match="differences"):
        call_command("reconcile")
