from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from cabinets.models import AuditEvent
from counters import tasks
from counters.models import Counter
from counters.signals import counter_changed
from counters.sync import refresh
from devtools.sandbox import RunningSandbox
from integrations import api_call
from integrations.clients import metrika_client
from integrations.models import YandexAccount
from integrations.signals import account_reconnected
from integrations.yandex.metrika import MetrikaClient
from tests import factories
from tests.counters.conftest import LinkAccount
from tests.devtools.sandbox.actor import control

NUMBER = 91234567


def look_again(account: YandexAccount, now: datetime | None = None) -> bool:
    YandexAccount.objects.filter(pk=account.pk).update(counters_refreshed_at=None)
    return refresh.refresh_account(account.pk, now=now or timezone.now())


def push(sandbox: RunningSandbox, **changes: str) -> None:
    control(sandbox, f"people/okna-stolica/counters/{NUMBER}", **changes)


@pytest.fixture
def followed(okna: YandexAccount) -> Counter:
    counter = factories.make_counter(account=okna, number=NUMBER)
    look_again(okna)
    counter.refresh_from_db()
    return counter


def test_the_first_look_takes_the_facts_over(followed: Counter) -> None:
    assert followed.name == "Окна Столица"
    assert followed.site_host == "okna-stolica.example"
    assert followed.mirror_hosts == ["okna-stolica.example", "m.okna-stolica.example"]
    assert followed.owner_login == "okna-stolica"
    assert followed.access == Counter.Access.OK


def test_a_new_name_and_site_are_followed_and_written_down(
    okna: YandexAccount, followed: Counter, sandbox: RunningSandbox
) -> None:
    push(sandbox, name="Окна и двери", site="okna-i-dveri.example")

    assert look_again(okna)

    followed.refresh_from_db()
    assert (followed.name, followed.site_host) == ("Окна и двери", "okna-i-dveri.example")
    event = AuditEvent.objects.latest("pk")
    assert event.actor is None
    assert event.action == "counter.seen_in_metrika"
    assert event.before == {
        "name": "Окна Столица",
        "site": "okna-stolica.example",
        "site_host": "okna-stolica.example",
    }
    assert event.after["name"] == "Окна и двери"


def test_a_look_that_finds_nothing_new_writes_nothing(
    okna: YandexAccount, followed: Counter
) -> None:
    events = AuditEvent.objects.count()

    assert look_again(okna)

    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize(
    ("changes", "access"),
    [
        ({"permission": "view"}, Counter.Access.VIEW_ONLY),
        ({"permission": "none"}, Counter.Access.LOST),
        ({"status": "Deleted"}, Counter.Access.DELETED),
    ],
)
def test_a_right_that_went_is_noticed_and_one_that_came_back_too(
    okna: YandexAccount,
    followed: Counter,
    sandbox: RunningSandbox,
    changes: dict[str, str],
    access: str,
) -> None:
    push(sandbox, **changes)
    lost_at = timezone.now()

    look_again(okna, lost_at)

    followed.refresh_from_db()
    assert (followed.access, followed.access_changed_at) == (access, lost_at)
    assert followed.name == "Окна Столица"

    push(sandbox, permission="own", status="Active")
    look_again(okna)

    followed.refresh_from_db()
    assert followed.access == Counter.Access.OK


def test_settings_and_their_version_are_not_touched(
    okna: YandexAccount, followed: Counter, sandbox: RunningSandbox
) -> None:
    push(sandbox, name="Другое имя")

    look_again(okna)

    later = Counter.objects.get(pk=followed.pk)
    assert (later.version, later.settings_saved_at) == (
        followed.version,
        followed.settings_saved_at,
    )


def test_a_lost_counter_goes_over_to_another_account_that_reaches_it(
    okna: YandexAccount, followed: Counter, link: LinkAccount, sandbox: RunningSandbox
) -> None:
    agency = link("agency-media")
    refresh.refresh_account(agency.pk, now=timezone.now())
    followed.refresh_from_db()
    assert followed.account_id == okna.pk
    push(sandbox, permission="none")

    look_again(okna)
    # The loss woke the other account: it need not wait for its hour.
    assert refresh.refresh_account(agency.pk, now=timezone.now())

    followed.refresh_from_db()
    assert (followed.account_id, followed.access) == (agency.pk, Counter.Access.OK)
    assert followed.permission == "edit"
    event = AuditEvent.objects.latest("pk")
    assert event.action == "counter.account_changed"
    assert (event.before["account"], event.after["account"]) == ("okna-stolica", "agency-media")


def test_a_counter_of_a_cut_account_goes_over_too(
    okna: YandexAccount, followed: Counter, link: LinkAccount
) -> None:
    agency = link("agency-media")
    YandexAccount.objects.filter(pk=okna.pk).update(
        state=YandexAccount.State.DISCONNECTED, access_token="", refresh_token=""
    )

    refresh.refresh_account(agency.pk, now=timezone.now())

    followed.refresh_from_db()
    assert followed.account_id == agency.pk


def test_an_account_that_only_looks_takes_nothing_over(
    okna: YandexAccount, followed: Counter, link: LinkAccount, sandbox: RunningSandbox
) -> None:
    viewer = link("viewer")
    push(sandbox, permission="none")
    look_again(okna)

    refresh.refresh_account(viewer.pk, now=timezone.now())

    followed.refresh_from_db()
    assert (followed.account_id, followed.access) == (okna.pk, Counter.Access.LOST)


def test_removed_counters_and_other_cabinets_are_left_alone(
    okna: YandexAccount, sandbox: RunningSandbox
) -> None:
    removed = factories.make_counter(
        account=okna, number=NUMBER, name="Было", removed_at=timezone.now()
    )
    elsewhere = factories.make_counter(
        account=factories.make_account(cabinet=factories.make_cabinet(name="Чужой")),
        number=91234568,
        name="Чужое",
        access=Counter.Access.LOST,
    )

    look_again(okna)

    removed.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (removed.name, elsewhere.name) == ("Было", "Чужое")
    assert elsewhere.access == Counter.Access.LOST


@pytest.mark.parametrize("fault", ["html_5xx", "garbage_200", "access_denied"])
def test_without_an_answer_nothing_changes_and_the_next_tick_tries_again(
    okna: YandexAccount, followed: Counter, sandbox: RunningSandbox, fault: str
) -> None:
    push(sandbox, permission="none")
    sandbox.world.faults.add({"name": fault, "times": None})
    hour_ago = timezone.now() - timedelta(hours=2)
    YandexAccount.objects.filter(pk=okna.pk).update(counters_refreshed_at=hour_ago)

    assert not refresh.refresh_account(okna.pk, now=timezone.now())

    followed.refresh_from_db()
    okna.refresh_from_db()
    assert followed.access == Counter.Access.OK
    assert okna.counters_refreshed_at == hour_ago
    assert refresh.due(timezone.now()) == [okna.pk]


def test_an_account_is_due_once_an_hour_and_claimed_once(followed: Counter) -> None:
    account = followed.account
    now = timezone.now()
    YandexAccount.objects.filter(pk=account.pk).update(counters_refreshed_at=now)

    assert refresh.due(now + timedelta(minutes=59, seconds=59)) == []
    assert not refresh.refresh_account(account.pk, now=now + timedelta(minutes=59))
    assert refresh.due(now + timedelta(hours=1)) == [account.pk]
    assert refresh.refresh_account(account.pk, now=now + timedelta(hours=1))
    assert not refresh.refresh_account(account.pk, now=now + timedelta(hours=1))


@pytest.mark.parametrize(
    "state", [YandexAccount.State.REAUTH_REQUIRED, YandexAccount.State.DISCONNECTED]
)
def test_an_account_that_cannot_be_asked_is_not_due(account: YandexAccount, state: str) -> None:
    factories.make_counter(account=account)
    YandexAccount.objects.filter(pk=account.pk).update(
        state=state, access_token="", refresh_token=""
    )

    assert refresh.due(timezone.now()) == []


def test_an_account_of_a_cabinet_without_counters_is_not_due(account: YandexAccount) -> None:
    assert refresh.due(timezone.now()) == []


def test_a_new_link_is_looked_at_at_once(account: YandexAccount) -> None:
    factories.make_counter(account=account)
    YandexAccount.objects.filter(pk=account.pk).update(counters_refreshed_at=timezone.now())

    account_reconnected.send(sender=YandexAccount, account=account)

    assert refresh.due(timezone.now()) == [account.pk]


def test_a_changed_site_is_announced_and_a_changed_name_is_not(
    okna: YandexAccount, followed: Counter, sandbox: RunningSandbox
) -> None:
    heard: list[int] = []

    def record_server_time(counter: Counter, **_rest: object) -> None:
        heard.append(counter.pk)

    counter_changed.connect(record_server_time)
    try:
        push(sandbox, name="Только имя")
        look_again(okna)
        assert heard == []
        push(sandbox, site="novyi.example")
        look_again(okna)
    finally:
        counter_changed.disconnect(record_server_time)

    assert heard == [followed.pk]


def test_the_chosen_goal_is_looked_at_once_a_day(
    okna: YandexAccount, followed: Counter, sandbox: RunningSandbox
) -> None:
    goal = factories.make_goal(counter=followed, identifier="long-gone")
    now = timezone.now()
    Counter.objects.filter(pk=followed.pk).update(
        goal=goal, goals_refreshed_at=now - timedelta(days=1)
    )

    look_again(okna, now)

    goal.refresh_from_db()
    assert goal.deleted_at == now


@pytest.mark.django_db(transaction=True)
def test_metrika_is_asked_with_no_transaction_open(
    okna: YandexAccount, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.make_counter(account=okna, number=NUMBER, goal=None)
    factories.make_counter(account=okna, number=1)
    open_transactions: list[bool] = []

    def watched(account: YandexAccount, before_request: Callable[[], None]) -> MetrikaClient:
        open_transactions.append(connection.in_atomic_block)
        return metrika_client(account, before_request)

    monkeypatch.setattr(api_call, "metrika_client", watched)

    look_again(okna)

    assert open_transactions == [False, False]


def test_the_clock_hands_out_one_task_an_account(
    okna: YandexAccount, followed: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    YandexAccount.objects.update(counters_refreshed_at=None)
    handed: list[int] = []
    monkeypatch.setattr(tasks.refresh_account, "delay", handed.append)

    assert tasks.refresh_counters() == 1

    assert handed == [okna.pk]
    assert tasks.refresh_account(okna.pk) is True
