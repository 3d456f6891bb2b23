from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from cabinets.models import AuditEvent
from counters.models import Counter
from counters.sync import refresh
from devtools.sandbox import RunningSandbox
from integrations import api_call
from integrations.clients import metrika_client
from integrations.models import YandexAccount
from integrations.yandex.metrika import MetrikaClient
from tests import factories
from tests.counters.conftest import LinkAccount
from tests.devtools.sandbox.actor import control

NUMBER = 91234567


def refresh_again(account: YandexAccount, now: datetime | None = None) -> bool:
    YandexAccount.objects.filter(pk=account.pk).update(counters_refreshed_at=None)
    return refresh.refresh_account(account.pk, now=now or timezone.now())


def change(sandbox: RunningSandbox, **changes: str) -> None:
    control(sandbox, f"people/okna-stolica/counters/{NUMBER}", **changes)


@pytest.fixture
def synced(okna: YandexAccount) -> Counter:
    counter = factories.make_counter(account=okna, number=NUMBER)
    refresh_again(okna)
    counter.refresh_from_db()
    return counter


def test_first_refresh_copies_the_facts(synced: Counter) -> None:
    assert synced.name == "Окна Столица"
    assert synced.site_host == "okna-stolica.example"
    assert synced.mirror_hosts == ["okna-stolica.example", "m.okna-stolica.example"]
    assert synced.owner_login == "okna-stolica"
    assert synced.access == Counter.Access.OK


def test_new_name_and_site_are_saved_and_audited(
    okna: YandexAccount, synced: Counter, sandbox: RunningSandbox
) -> None:
    change(sandbox, name="Окна и двери", site="okna-i-dveri.example")

    assert refresh_again(okna)

    synced.refresh_from_db()
    assert (synced.name, synced.site_host) == ("Окна и двери", "okna-i-dveri.example")
    event = AuditEvent.objects.latest("pk")
    assert event.actor is None
    assert event.action == "counter.seen_in_metrika"
    assert event.before == {
        "name": "Окна Столица",
        "site": "okna-stolica.example",
        "site_host": "okna-stolica.example",
    }
    assert event.after["name"] == "Окна и двери"


def test_refresh_without_changes_is_not_audited(okna: YandexAccount, synced: Counter) -> None:
    events = AuditEvent.objects.count()

    assert refresh_again(okna)

    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize(
    ("changes", "access"),
    [
        ({"permission": "view"}, Counter.Access.VIEW_ONLY),
        ({"permission": "none"}, Counter.Access.LOST),
        ({"status": "Deleted"}, Counter.Access.DELETED),
    ],
)
def test_lost_and_regained_access_is_saved(
    okna: YandexAccount,
    synced: Counter,
    sandbox: RunningSandbox,
    changes: dict[str, str],
    access: str,
) -> None:
    change(sandbox, **changes)
    lost_at = timezone.now()

    refresh_again(okna, lost_at)

    synced.refresh_from_db()
    assert (synced.access, synced.access_changed_at) == (access, lost_at)
    assert synced.name == "Окна Столица"

    change(sandbox, permission="own", status="Active")
    refresh_again(okna)

    synced.refresh_from_db()
    assert synced.access == Counter.Access.OK


def test_refresh_keeps_settings_and_their_version(
    okna: YandexAccount, synced: Counter, sandbox: RunningSandbox
) -> None:
    change(sandbox, name="Другое имя")

    refresh_again(okna)

    later = Counter.objects.get(pk=synced.pk)
    assert (later.version, later.settings_saved_at) == (
        synced.version,
        synced.settings_saved_at,
    )


def test_lost_counter_moves_to_another_account_with_access(
    okna: YandexAccount, synced: Counter, link: LinkAccount, sandbox: RunningSandbox
) -> None:
    agency = link("agency-media")
    refresh.refresh_account(agency.pk, now=timezone.now())
    synced.refresh_from_db()
    assert synced.account_id == okna.pk
    change(sandbox, permission="none")

    refresh_again(okna)
    # The loss has made the other account due before its hour is over.
    assert refresh.refresh_account(agency.pk, now=timezone.now())

    synced.refresh_from_db()
    assert (synced.account_id, synced.access) == (agency.pk, Counter.Access.OK)
    assert synced.permission == "edit"
    event = AuditEvent.objects.latest("pk")
    assert event.action == "counter.account_changed"
    assert (event.before["account"], event.after["account"]) == ("okna-stolica", "agency-media")


def test_counter_of_a_disconnected_account_moves_too(
    okna: YandexAccount, synced: Counter, link: LinkAccount
) -> None:
    agency = link("agency-media")
    YandexAccount.objects.filter(pk=okna.pk).update(
        state=YandexAccount.State.DISCONNECTED, access_token="", refresh_token=""
    )

    refresh.refresh_account(agency.pk, now=timezone.now())

    synced.refresh_from_db()
    assert synced.account_id == agency.pk


def test_counter_does_not_move_to_a_view_only_account(
    okna: YandexAccount, synced: Counter, link: LinkAccount, sandbox: RunningSandbox
) -> None:
    viewer = link("viewer")
    change(sandbox, permission="none")
    refresh_again(okna)

    refresh.refresh_account(viewer.pk, now=timezone.now())

    synced.refresh_from_db()
    assert (synced.account_id, synced.access) == (okna.pk, Counter.Access.LOST)


def test_removed_counters_and_other_cabinets_are_unchanged(
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

    refresh_again(okna)

    removed.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (removed.name, elsewhere.name) == ("Было", "Чужое")
    assert elsewhere.access == Counter.Access.LOST


@pytest.mark.parametrize("fault", ["html_5xx", "garbage_200", "access_denied"])
def test_failed_refresh_changes_nothing_and_stays_due(
    okna: YandexAccount, synced: Counter, sandbox: RunningSandbox, fault: str
) -> None:
    change(sandbox, permission="none")
    sandbox.world.faults.add({"name": fault, "times": None})
    hour_ago = timezone.now() - timedelta(hours=2)
    YandexAccount.objects.filter(pk=okna.pk).update(counters_refreshed_at=hour_ago)

    assert not refresh.refresh_account(okna.pk, now=timezone.now())

    synced.refresh_from_db()
    okna.refresh_from_db()
    assert synced.access == Counter.Access.OK
    assert okna.counters_refreshed_at == hour_ago
    assert refresh.due(timezone.now()) == [okna.pk]


def test_changed_site_sends_a_signal_and_changed_name_does_not(
    okna: YandexAccount, synced: Counter, sandbox: RunningSandbox, signals: list[Counter]
) -> None:
    change(sandbox, name="Только имя")
    refresh_again(okna)
    assert signals == []
    change(sandbox, site="novyi.example")
    refresh_again(okna)

    assert signals == [synced]


def test_chosen_goal_is_refreshed_once_a_day(
    okna: YandexAccount, synced: Counter, sandbox: RunningSandbox
) -> None:
    goal = factories.make_goal(counter=synced, identifier="long-gone")
    now = timezone.now()
    Counter.objects.filter(pk=synced.pk).update(
        goal=goal, goals_refreshed_at=now - timedelta(days=1)
    )

    refresh_again(okna, now)

    goal.refresh_from_db()
    assert goal.deleted_at == now


@pytest.mark.django_db(transaction=True)
def test_requests_are_made_outside_transactions(
    okna: YandexAccount, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.make_counter(account=okna, number=NUMBER, goal=None)
    factories.make_counter(account=okna, number=1)
    open_transactions: list[bool] = []

    def observed(account: YandexAccount, before_request: Callable[[], None]) -> MetrikaClient:
        open_transactions.append(connection.in_atomic_block)
        return metrika_client(account, before_request)

    monkeypatch.setattr(api_call, "metrika_client", observed)

    refresh_again(okna)

    assert open_transactions == [False, False]
