"""One e-mail a change and one on recovery, over a real SMTP server, whatever it answers."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet, Membership
from counters.models import Counter
from integrations.models import Installation, YandexAccount
from notices.models import Notice, NoticeMessage
from notices.tasks import check_often, send
from tests import factories
from tests.notices.smtp_sink import SmtpSink

MINUTE = timedelta(minutes=1)


def lose(account: YandexAccount) -> None:
    YandexAccount.objects.filter(pk=account.pk).update(state="reauth_required")


def messages() -> list[tuple[str, int, str]]:
    rows = NoticeMessage.objects.order_by("pk").values_list("state", "attempts", "error")
    return [(state, attempts, error) for state, attempts, error in rows]


def test_changes_are_one_email_and_their_end_another(
    clock: time_machine.Traveller,
    mail: SmtpSink,
    owner: User,
    viewer: User,
    cabinet: Cabinet,
    counter: Counter,
) -> None:
    login, base = counter.account.login, "http://127.0.0.1:8000/lk/integrations"
    lose(counter.account)
    Counter.objects.filter(pk=counter.pk).update(access="lost")
    assert (check_often(), check_often()) == (2, 0)
    send()
    assert mail.received == []
    clock.shift(MINUTE)
    check_often()
    assert (send(), send()) == (1, 0)

    assert mail.recipients == ["owner@example.ru"]
    assert mail.subjects == ["Окна Столица: новых уведомлений 2, решено 0"]
    assert mail.texts == [
        "Кабинет «Окна Столица»\n\nТребует внимания:\n\n"
        f"• Аккаунт Яндекса {login} нужно переподключить: звонки ждут и уйдут сами, когда доступ "
        f"появится.\n  Переподключить: {base}/yandex\n\n"
        "• Счетчик «Окна Столица». Доступ к счетчику потерян: попросите владельца вернуть его. "
        "Звонки ждут."
        f"\n  К счетчику: {base}/yandex/counters/{counter.pk}\n\n"
        f"Все уведомления: {base}/notices\n"
        f"Выбрать, что и куда присылать: {base}/notices/choices\n"
    ]
    assert mail.received[0]["Auto-Submitted"] == "auto-generated"

    # Gone for less than ten minutes, and back: nothing is told.
    YandexAccount.objects.update(state="active")
    check_often()
    clock.shift(5 * MINUTE)
    lose(counter.account)
    check_often()
    assert (Notice.objects.standing().count(), send()) == (2, 0)
    YandexAccount.objects.update(state="active")
    for _minutes in range(3):
        check_often()
        clock.shift(10 * MINUTE)
        send()

    assert mail.subjects[1:] == [f"Решено — Аккаунт нужно переподключить: {login}"]
    assert (
        "• Аккаунт нужно переподключить: " + login + ". Началось 23 ноября, 10:00."
        in (mail.texts[1])
    )
    assert messages() == [("sent", 1, ""), ("sent", 1, "")]


@pytest.mark.parametrize(
    ("answer", "first", "received", "last"),
    [
        ("451 later", ("waiting", 1, "smtp_451"), 1, ("sent", 2, "")),
        ("550 no", ("failed", 1, "smtp_550"), 0, ("failed", 1, "smtp_550")),
        # Taken, and the answer lost: it is not repeated.
        ("", ("unclear", 1, "answer_lost"), 1, ("unclear", 1, "answer_lost")),
    ],
)
def test_answer_of_the_server_decides_about_a_repeat(
    clock: time_machine.Traveller,
    mail: SmtpSink,
    owner: User,
    account: YandexAccount,
    answer: str,
    first: tuple[str, int, str],
    received: int,
    last: tuple[str, int, str],
) -> None:
    mail.answers = [answer]
    lose(account)
    check_often()
    clock.shift(MINUTE)
    send()
    assert messages() == [first]

    for _minute in range(3):
        clock.shift(MINUTE)
        send()

    assert (messages(), len(mail.received)) == ([last], received)
    uid = NoticeMessage.objects.get().uid.hex
    assert {one["Message-ID"] for one in mail.received} <= {f"<notice.{uid}@127.0.0.1>"}


def test_server_that_is_away_is_asked_again(
    clock: time_machine.Traveller,
    mail: SmtpSink,
    owner: User,
    account: YandexAccount,
    settings: Settings,
) -> None:
    settings.EMAIL_PORT = 1
    lose(account)
    check_often()
    clock.shift(MINUTE)
    send()
    assert messages() == [("waiting", 1, "no_connection")]

    settings.EMAIL_PORT = mail.port
    clock.shift(MINUTE)
    send()

    assert (messages(), len(mail.received)) == ([("sent", 2, "")], 1)


def test_copy_of_the_database_tells_nobody(
    clock: time_machine.Traveller, mail: SmtpSink, owner: User, account: YandexAccount
) -> None:
    lose(account)
    check_often()
    clock.shift(MINUTE)
    Installation.objects.update(kind="copy")

    assert (send(), mail.received, messages()) == (0, [], [("waiting", 0, "")])


def test_many_counters_of_one_cause_are_one_line_and_others_cabinets_get_nothing(
    clock: time_machine.Traveller, mail: SmtpSink, owner: User, stranger: User, counter: Counter
) -> None:
    for number in range(73):
        factories.make_counter(account=counter.account, name=f"Счетчик {number}")
    Counter.objects.update(access="view_only")

    assert check_often() == 74
    clock.shift(MINUTE)
    send()

    assert mail.recipients == ["owner@example.ru"]
    assert (
        "• Потеряно право на счетчик: «Окна Столица», «Счетчик 0», «Счетчик 1» и другие, всего 74."
        in mail.texts[0]
    )
    assert len(mail.texts[0]) < 700
    # The second storm waits until ten minutes after the first message.
    lose(counter.account)
    check_often()
    clock.shift(9 * MINUTE)
    send()
    assert len(mail.received) == 1
    assert NoticeMessage.objects.get(state="waiting").not_before == timezone.now() + MINUTE


def test_person_who_left_between_two_attempts_is_not_told(
    clock: time_machine.Traveller, mail: SmtpSink, owner: User, account: YandexAccount
) -> None:
    mail.answers = ["451 later"]
    lose(account)
    check_often()
    clock.shift(MINUTE)
    send()
    assert messages() == [("waiting", 1, "smtp_451")]
    Membership.objects.filter(user=owner).delete()
    clock.shift(MINUTE)

    send()

    assert (messages(), mail.received) == ([("failed", 2, "not_a_member")], [])


def test_address_with_a_domain_in_cyrillic(
    clock: time_machine.Traveller, mail: SmtpSink, owner: User, account: YandexAccount
) -> None:
    User.objects.filter(pk=owner.pk).update(email="owner@окна.рф")
    lose(account)
    check_often()
    clock.shift(MINUTE)

    send()

    assert (messages(), mail.recipients) == ([("sent", 1, "")], ["owner@xn--80atjc.xn--p1ai"])


def test_what_became_worse_is_not_told_as_solved(
    clock: time_machine.Traveller, mail: SmtpSink, owner: User, account: YandexAccount
) -> None:
    lost = {"state": "refresh_failed", "state_reason": "refresh_token_lost"}
    YandexAccount.objects.update(expires_at=timezone.now() + 99 * MINUTE, **lost)
    for state in ("refresh_failed", "reauth_required"):
        YandexAccount.objects.update(state=state)
        for _minutes in range(3):
            check_often()
            clock.shift(10 * MINUTE)
            send()

    assert mail.subjects == [
        f"Скоро понадобится переподключить аккаунт: {account.login}",
        f"Аккаунт нужно переподключить: {account.login}",
    ]
    assert [one.closed_at is None for one in Notice.objects.order_by("pk")] == [False, True]


def test_message_whose_text_cannot_be_made_does_not_hold_up_others(
    clock: time_machine.Traveller,
    mail: SmtpSink,
    owner: User,
    stranger: User,
    account: YandexAccount,
) -> None:
    lose(account)
    other = Membership.objects.get(user=stranger).cabinet
    lose(factories.make_account(cabinet=other))
    check_often()
    first = NoticeMessage.objects.order_by("pk")[0]
    Notice.objects.filter(cabinet=first.cabinet).update(facts={})
    clock.shift(MINUTE)

    send()

    states = dict(NoticeMessage.objects.values_list("pk", "state"))
    assert (states.pop(first.pk), set(states.values())) == ("waiting", {"sent"})
