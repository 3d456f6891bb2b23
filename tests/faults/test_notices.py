"""`kill -9` while a notice is sent by e-mail: never twice, and not lost while nothing has left."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.models import YandexAccount
from notices.models import NoticeMessage
from notices.tasks import check_often
from tests import factories
from tests.faults.processes import WorkerProcesses
from tests.faults.scenario import Scenario
from tests.notices.smtp_sink import SmtpSink, running_sink


def start(workers: WorkerProcesses, sink: SmtpSink, at: str = "") -> None:
    """Run the task in a process of its own, after the lease of a dead one has run out."""
    second = timedelta(seconds=1)
    now = timezone.now() - second
    NoticeMessage.objects.filter(state="waiting").update(not_before=now)
    NoticeMessage.objects.filter(state="sending").update(lease_until=now)
    mail = {"EMAIL_PORT": sink.port, "EMAIL_USE_TLS": 0}
    addresses = {"EMAIL_HOST": "127.0.0.1"}
    options = {"task": "notices.tasks.send", "pace": mail, "addresses": addresses}
    workers.start(at=at, **options).wait_dead()


@pytest.mark.parametrize(
    ("point", "received", "state"),
    [("after_notice_claim", 1, "sent"), ("after_notice_answer", 1, "unclear")],
)
def test_worker_killed_while_a_notice_is_sent(
    scenario: Scenario,
    workers: WorkerProcesses,
    settings: Settings,
    point: str,
    received: int,
    state: str,
) -> None:
    account = factories.make_account(cabinet=scenario.cabinet)
    factories.make_member(cabinet=scenario.cabinet)
    YandexAccount.objects.filter(pk=account.pk).update(state="reauth_required")
    with running_sink(settings) as sink:
        check_often()
        start(workers, sink, at=point)
        assert NoticeMessage.objects.get().state == "sending"

        for _run in range(2):
            start(workers, sink)

    assert (len(sink.received), NoticeMessage.objects.get().state) == (received, state)
