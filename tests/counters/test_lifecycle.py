from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from counters import lifecycle
from counters.models import Counter
from counters.sync import available
from devtools.sandbox import RunningSandbox
from integrations.api_call import MetrikaUnavailable
from integrations.models import YandexAccount
from tests import factories
from tests.counters.conftest import LinkAccount

OWN, BALCONY, EDITABLE, VIEWED, FOREIGN = 91234567, 91234568, 91400011, 91300042, 91400015


def add(account: YandexAccount, actor: User, *numbers: int) -> lifecycle.AddResult:
    return lifecycle.add_counters(
        cabinet=account.cabinet,
        account=account,
        numbers=numbers,
        actor=actor,
        now=timezone.now(),
    )


def test_chosen_counter_is_added_and_not_configured(okna: YandexAccount, owner: User) -> None:
    result = add(okna, owner, OWN)

    assert [counter.number for counter in result.added] == [OWN]
    counter = Counter.objects.get()
    assert (counter.account_id, counter.cabinet_id) == (okna.pk, okna.cabinet_id)
    assert (counter.enabled, counter.configured_at, counter.access) == (True, None, "ok")
    assert (counter.name, counter.permission) == ("Окна Столица", "own")
    assert counter.site_mode == Counter.SiteMode.OWN
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("counter.added", owner)
    assert event.after == {"number": OWN, "name": "Окна Столица", "account": "okna-stolica"}


def test_forged_and_view_only_numbers_are_refused_and_the_others_added(
    okna: YandexAccount, owner: User
) -> None:
    result = add(okna, owner, VIEWED, EDITABLE, FOREIGN, 777)

    assert [counter.number for counter in result.added] == [EDITABLE]
    assert [(refused.number, str(refused.reason)) for refused in result.refused] == [
        (777, "аккаунт не видит такого счетчика"),
        (
            VIEWED,
            "звонки отправлять нельзя, попросите владельца дать право на редактирование",
        ),
        (FOREIGN, "аккаунт не видит такого счетчика"),
    ]
    assert Counter.objects.count() == 1


def test_permission_withdrawn_after_the_page_was_shown_is_checked(
    okna: YandexAccount, owner: User, sandbox: RunningSandbox
) -> None:
    sandbox.world.counters.set_right(EDITABLE, "okna-stolica", "view")

    result = add(okna, owner, EDITABLE)

    assert result.added == []
    assert not Counter.objects.exists()


def test_counter_is_not_added_again_through_a_second_account(
    okna: YandexAccount, owner: User, link: LinkAccount
) -> None:
    agency = link("agency-media")
    add(okna, owner, OWN)

    result = add(agency, owner, OWN)

    assert result.added == []
    assert [str(refused.reason) for refused in result.refused] == ["уже добавлен"]
    assert Counter.objects.get().account_id == okna.pk


def test_counter_of_a_disconnected_account_moves_with_its_settings(
    okna: YandexAccount, owner: User, link: LinkAccount
) -> None:
    agency = link("agency-media")
    counter = factories.make_counter(account=agency, number=OWN, min_duration_seconds=45)
    YandexAccount.objects.filter(pk=agency.pk).update(
        state=YandexAccount.State.DISCONNECTED, access_token="", refresh_token=""
    )

    result = add(okna, owner, OWN)

    assert [moved.pk for moved in result.added] == [counter.pk]
    moved = Counter.objects.get()
    assert (moved.account_id, moved.min_duration_seconds) == (okna.pk, 45)
    assert moved.configured_at == counter.configured_at
    assert AuditEvent.objects.get().action == "counter.account_changed"


def test_removed_counter_is_restored_with_its_settings_and_not_configured(
    okna: YandexAccount, owner: User
) -> None:
    counter = factories.make_counter(
        account=okna,
        number=OWN,
        min_duration_seconds=45,
        removed_at=timezone.now(),
        accepts_from=timezone.now(),
    )

    add(okna, owner, OWN)

    restored = Counter.objects.get()
    assert (restored.pk, restored.min_duration_seconds) == (counter.pk, 45)
    assert (restored.removed_at, restored.configured_at, restored.accepts_from) == (None,) * 3
    assert restored.version == counter.version + 1
    assert AuditEvent.objects.get().action == "counter.revived"


def test_nothing_is_added_when_metrika_is_unavailable(
    okna: YandexAccount, owner: User, sandbox: RunningSandbox
) -> None:
    sandbox.world.faults.add({"name": "html_5xx", "times": None})

    with pytest.raises(MetrikaUnavailable):
        add(okna, owner, OWN)

    assert not Counter.objects.exists()
    assert not AuditEvent.objects.exists()


def test_account_of_another_cabinet_is_refused(
    okna: YandexAccount, owner: User, sandbox: RunningSandbox
) -> None:
    other: Cabinet = factories.make_cabinet(name="Чужой")

    with pytest.raises(ValueError, match="another cabinet"):
        lifecycle.add_counters(
            cabinet=other, account=okna, numbers=[OWN], actor=owner, now=timezone.now()
        )

    assert sandbox.world.journal.report(10)["last"] == []


def test_same_number_in_two_cabinets_is_two_counters(okna: YandexAccount, owner: User) -> None:
    other = factories.make_account(cabinet=factories.make_cabinet(name="Чужой"))
    factories.make_counter(account=other, number=OWN)

    add(okna, owner, OWN)

    assert Counter.objects.filter(number=OWN).count() == 2


def test_counter_added_by_a_concurrent_request_is_refused(
    okna: YandexAccount, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_concurrent_adding(account: YandexAccount) -> object:
        found = available.available_counters(account)
        factories.make_counter(account=okna, number=OWN, name="Первый")
        return found

    monkeypatch.setattr(lifecycle, "available_counters", with_concurrent_adding)

    result = add(okna, owner, OWN, BALCONY)

    assert [counter.number for counter in result.added] == [BALCONY]
    assert [refused.number for refused in result.refused] == [OWN]
    assert Counter.objects.get(number=OWN).name == "Первый"


def test_switch_is_saved_and_audited(counter: Counter, owner: User) -> None:
    now = timezone.now()

    lifecycle.switch_counter(counter=counter, enabled=False, actor=owner, now=now)

    off = Counter.objects.get()
    assert (off.enabled, off.version) == (False, counter.version + 1)
    assert (off.settings_saved_by, off.settings_saved_at) == (owner, now)
    event = AuditEvent.objects.get()
    assert (event.action, event.before, event.after) == (
        "counter.switched",
        {"enabled": True},
        {"enabled": False},
    )


def test_switch_to_the_present_state_changes_nothing(counter: Counter, owner: User) -> None:
    lifecycle.switch_counter(counter=counter, enabled=True, actor=owner, now=timezone.now())

    assert Counter.objects.get().version == counter.version
    assert not AuditEvent.objects.exists()


def test_removed_counter_keeps_its_row_and_cannot_be_switched(
    counter: Counter, owner: User
) -> None:
    now = timezone.now()
    lifecycle.remove_counter(counter=counter, actor=owner, now=now)

    with pytest.raises(Counter.DoesNotExist):
        lifecycle.switch_counter(counter=counter, enabled=False, actor=owner, now=now)

    kept = Counter.objects.get()
    assert (kept.removed_at, kept.enabled) == (now, True)
    assert not kept.cabinet.counters.present().exists()
    assert [event.action for event in AuditEvent.objects.all()] == ["counter.removed"]


def test_every_change_of_an_existing_counter_sends_one_signal(
    okna: YandexAccount, owner: User, signals: list[Counter]
) -> None:
    counter = add(okna, owner, OWN).added[0]
    lifecycle.switch_counter(counter=counter, enabled=False, actor=owner, now=timezone.now())
    lifecycle.remove_counter(counter=counter, actor=owner, now=timezone.now())
    add(okna, owner, OWN)

    assert [(one.enabled, one.is_removed) for one in signals] == [
        (False, False),
        (False, True),
        (False, False),
    ]
