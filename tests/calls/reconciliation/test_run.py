"""Reconciliation: the ledger is compared with itself and with Metrika, once a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, bisection, resend, sending
from calls.models import Delivery, Difference, Reconciliation, UnknownFile, Upload
from calls.reconciliation import run as reconciling
from calls.runtime import shutdown
from counters.models import Counter
from counters.settings.save import save_settings
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
    """A counter added days ago, with two calls sent and one waiting."""
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
    """Return a time after which Metrika's list must be up to date: it may lag for an hour."""
    return timezone.now() + LATER


def codes() -> list[str]:
    latest = Difference.objects.filter(reconciliation__is_latest=True)
    return sorted(latest.values_list("code", flat=True))


def test_an_agreeing_counter_is_counted_with_one_request(settled: Counter) -> None:
    before = RequestDay.objects.get().other

    result = reconciling.reconcile(settled, now=later())

    assert (result.calls, result.deliveries, result.uploads, result.uploadings) == (3, 3, 1, 1)
    assert (result.difference_count, codes()) == (0, [])
    assert RequestDay.objects.get().other == before + 1


def test_bisected_files_and_repeats_agree(
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


def test_an_upload_missing_in_metrika_is_a_difference(
    settled: Counter,
) -> None:
    lost = make_upload(counter=settled, accepted_at=timezone.now())

    reconciling.reconcile(settled, now=later())

    found = Difference.objects.get(code="missing_there")
    assert (found.upload, found.ours) == (lost, str(lost.uploading_id))


@pytest.mark.contract("B8")
def test_a_doubled_upload_is_told_on_the_upload_and_not_as_a_difference_besides(
    settled: Counter, metrika: Actor, owner_client: Client
) -> None:
    upload = Upload.objects.get()
    again = metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=upload.marker)
    assert again.status_code == 200
    Upload.objects.update(state="processed")

    result = reconciling.reconcile(settled, now=later())

    upload.refresh_from_db()
    twice = sorted([upload.uploading_id, again.json()["uploading"]["id"]])
    assert (upload.state, upload.attention) == ("needs_attention", "duplicate")
    assert upload.duplicate_ids == twice
    assert (result.difference_count, codes()) == (0, [])
    page = owner_client.get("/lk/integrations").content.decode()
    assert page.count("в Метрике по две одинаковые выгрузки (1)") == 1
    assert "есть расхождения" not in page


def test_an_unknown_marker_of_ours_is_recorded_and_is_not_a_difference(
    settled: Counter, metrika: Actor
) -> None:
    metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=f"ck{7:032x}")
    metrika.upload("ClientId,DateTime\n1,1767607384\n", comment="foreign")

    result = reconciling.reconcile(settled, now=later())

    assert UnknownFile.objects.get().marker == f"ck{7:032x}"
    assert (result.difference_count, codes()) == (0, [])


def test_a_call_without_deliveries_is_a_difference(settled: Counter) -> None:
    Delivery.objects.filter(upload=None, channel=1).delete()

    reconciling.reconcile(settled, now=later())

    found = Difference.objects.get()
    assert (found.code, found.ours, found.theirs) == ("calls_deliveries", "3", "2")


def test_calls_from_before_a_change_of_routing_are_not_expected_to_have_deliveries(
    cabinet: Cabinet, settled: Counter
) -> None:
    Counter.objects.update(site_mode="own", site_host="own.example")
    store_call(cabinet=cabinet, site_host="other.example")
    values = {"site_mode": "all", "goal": factories.make_goal(counter=settled)}
    settled = Counter.objects.select_related("account").get()
    save_settings(
        counter=settled, version=settled.version, values=values, actor=None, now=timezone.now()
    )

    result = reconciling.reconcile(Counter.objects.select_related("account").get(), now=later())

    assert (result.calls, result.deliveries, result.difference_count) == (0, 0, 0)


def test_an_upload_with_other_rows_than_deliveries_is_a_difference(settled: Counter) -> None:
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


def test_differences_from_metrika_are_kept_while_it_is_unavailable(
    settled: Counter, sandbox: RunningSandbox, owner_client: Client
) -> None:
    Upload.objects.update(line_quantity=7)
    Delivery.objects.filter(upload=None, channel=1).delete()
    seen = reconciling.reconcile(settled, now=later())
    assert codes() == ["calls_deliveries", "quantity"]

    fault(sandbox, "html_5xx", times=None)
    for _ in range(2):
        result = reconciling.reconcile(settled, now=later())
        assert (result.uploadings, result.difference_count) == (None, 2)
        assert codes() == ["calls_deliveries", "quantity"]

    first, last = (one.differences.get(code="quantity") for one in (seen, result))
    assert (first.upload, first.uploading_ids) == (last.upload, last.uploading_ids)
    assert "есть расхождения" in owner_client.get("/lk/integrations").content.decode()


def test_differences_that_metrika_no_longer_has_are_dropped(
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
        # Metrika is unavailable until a person acts
        ("reauth_required", "ok", 24),
        ("active", "lost", 24),
    ],
)
def test_a_comparison_without_metrika_is_repeated_after_an_hour(
    settled: Counter, account: str, access: str, hours: int
) -> None:
    day_spent = {"uploads": 4000, "polls": 4000, "other": 4000}
    RequestDay.objects.update(**day_spent)
    assert reconciling.reconcile(settled, now=later()).uploadings is None
    YandexAccount.objects.update(state=account)
    Counter.objects.update(access=access)

    assert not due(timedelta(hours=hours, minutes=-1))
    assert due(timedelta(hours=hours))


def test_an_error_in_one_comparison_does_not_stop_the_others(
    settled: Counter, account: YandexAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = factories.make_counter(account=account)
    compare = reconciling.reconcile

    def fail_for_one(counter: Counter, *, now: datetime) -> Reconciliation:
        if counter == settled:
            raise RuntimeError
        return compare(counter, now=now)

    monkeypatch.setattr(reconciling, "reconcile", fail_for_one)

    assert reconciling.reconcile_due(now=timezone.now(), seconds=60) == 1

    assert Reconciliation.objects.get().counter == sound


def test_the_first_counter_to_be_compared_rotates(
    account: YandexAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = [factories.make_counter(account=account) for _ in range(3)]
    first: list[int] = []

    def reconcile(counter: Counter, *, now: datetime) -> None:
        # uses up the time of the run
        first.append(counter.pk)
        shutdown.request()
        raise RuntimeError

    monkeypatch.setattr(reconciling, "reconcile", reconcile)
    for run in range(3):
        monkeypatch.setattr(shutdown, "_requested", bytearray(1))
        reconciling.reconcile_due(now=timezone.now() + run * timedelta(minutes=10), seconds=60)

    assert sorted(first) == [counter.pk for counter in counters]


def test_the_command_exits_with_one_when_something_differs(settled: Counter, capsys: Any) -> None:
    call_command("reconcile", cabinet=settled.cabinet_id)
    assert "1 counters agree" in capsys.readouterr().out

    Upload.objects.update(rows=5)

    with pytest.raises(CommandError, match="differences"):
        call_command("reconcile")


def test_the_command_names_doubled_and_unknown_files(
    settled: Counter, metrika: Actor, capsys: Any
) -> None:
    for marker in (Upload.objects.get().marker, f"ck{7:032x}"):
        metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=marker)

    with pytest.raises(CommandError, match="2 differences"):
        call_command("reconcile")

    printed = capsys.readouterr().out
    upload, file = Upload.objects.get(), UnknownFile.objects.get()
    assert f"doubled: upload {upload.pk}, in Metrika {upload.duplicate_ids}" in printed
    assert f"unknown: {file.marker}, in Metrika {file.uploading_ids}" in printed
