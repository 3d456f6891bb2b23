"""Secret addresses of webhooks: two at most, sealed, found by what was sent."""

from __future__ import annotations

import pytest
from django.db import connection

from cabinets import addresses, sources
from cabinets.models import AuditEvent, Cabinet, CallSource, SecretAddress

pytestmark = pytest.mark.django_db


@pytest.fixture
def hooks(cabinet: Cabinet) -> CallSource:
    return sources.create_source_of(CallSource.Kind.WEBHOOK, cabinet=cabinet, name="Вебхуки")


def test_source_is_found_by_each_live_address(hooks: CallSource) -> None:
    first = addresses.add_address(source=hooks)
    second = addresses.add_address(source=hooks)

    assert addresses.find_source(first) == addresses.find_source(second) == hooks
    assert addresses.find_source(first + "A") is None
    with pytest.raises(addresses.TwoAddressesLive):
        addresses.add_address(source=hooks)
    assert SecretAddress.objects.count() == 2


def test_retired_address_finds_nothing_and_the_only_one_stays(hooks: CallSource) -> None:
    first = addresses.add_address(source=hooks)
    old = SecretAddress.objects.get()
    assert addresses.retire_address(source=hooks, address_pk=old.pk) is False
    second = addresses.add_address(source=hooks)

    assert addresses.retire_address(source=hooks, address_pk=old.pk) is True
    assert addresses.find_source(first) is None
    assert addresses.find_source(second) == hooks
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == [
        "source.created",
        *("source.address_added", "source.address_added", "source.address_retired"),
    ]


def test_source_that_is_off_or_of_another_way_is_not_found(hooks: CallSource) -> None:
    token = addresses.add_address(source=hooks)
    sources.switch_source(source=hooks, is_active=False)
    assert addresses.find_source(token) is None
    CallSource.objects.filter(pk=hooks.pk).update(is_active=True, kind=CallSource.Kind.API)
    assert addresses.find_source(token) is None


def test_address_is_stored_sealed(hooks: CallSource) -> None:
    token = addresses.add_address(source=hooks)

    assert len(token) == addresses.TOKEN_LENGTH
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(a)::text FROM cabinets_secretaddress a")
        ((stored,),) = cursor.fetchall()
    assert token not in stored
    assert [str(one.token) for one in addresses.live_addresses(hooks)] == [token]
