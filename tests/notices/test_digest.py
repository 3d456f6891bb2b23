"""The digest: in the morning of the reader, once, with what was sent and what needs attention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from django.contrib.auth.models import User

from accounts.models import Preference
from cabinets.models import Cabinet, Membership
from calls.states import UploadState
from counters.models import Counter
from notices.models import NoticeChoice, NoticeMessage
from notices.tasks import queue_digests, send
from tests.calls.ledger import make_upload
from tests.notices.notices import make_notice
from tests.notices.smtp_sink import SmtpSink

#: Sunday, in Moscow and in Novosibirsk.
SUNDAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def choose(user: User, digest: str) -> None:
    NoticeChoice.objects.create(membership=user.cabinet_memberships.get(), digest=digest)


def test_digests_are_sent_once_in_the_morning_of_each_reader(
    clock: time_machine.Traveller,
    mail: SmtpSink,
    cabinet: Cabinet,
    counter: Counter,
    owner: User,
    manager: User,
    viewer: User,
) -> None:
    choose(owner, "weekly")
    choose(manager, "daily")
    choose(viewer, "off")
    Preference.objects.create(user=manager, time_zone="Asia/Novosibirsk")
    sent: dict[str, Any] = {"counter": counter, "state": UploadState.PROCESSED}
    make_upload(sent_at=SUNDAY, rows=31, linked_quantity=20, **sent)
    make_upload(sent_at=SUNDAY - timedelta(days=3), rows=9, **sent)
    make_upload(sent_at=SUNDAY - timedelta(days=8), rows=100, **sent)
    make_notice(cabinet=cabinet)
    clock.move_to(datetime(2026, 11, 23, 2, 0, tzinfo=UTC))  # 9:00 in Novosibirsk, 5:00 in Moscow
    assert (queue_digests(), queue_digests()) == (1, 0)
    clock.move_to(datetime(2026, 11, 23, 6, 0, tzinfo=UTC))
    assert (queue_digests(), send(), queue_digests()) == (1, 2, 0)

    assert mail.recipients == ["manager@example.ru", "owner@example.ru"]
    assert mail.subjects == [
        "Сводка: Окна Столица, 22 ноября 2026",
        "Сводка: Окна Столица, 16 ноября — 22 ноября 2026",
    ]
    daily, weekly = mail.texts
    assert "Отправлено звонков: 31." in daily
    assert "• «Окна Столица»: отправлено 31, привязано к визитам 20 из 31." in daily
    assert "Требует внимания: 1.\n\n• Аккаунт нужно переподключить: 1" in daily
    assert "Отправлено звонков: 40." in weekly

    # The next day only the daily one, unless its reader has left meanwhile.
    clock.move_to(datetime(2026, 11, 24, 6, 0, tzinfo=UTC))
    assert queue_digests() == 1
    Membership.objects.filter(user=manager).delete()
    send()
    assert len(mail.received) == 2
    assert NoticeMessage.objects.latest("pk").state == "dropped"
