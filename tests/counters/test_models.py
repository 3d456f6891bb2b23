"""Querysets and properties of counters."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories


def test_removed_counters_are_not_present(account: YandexAccount) -> None:
    present = factories.make_counter(account=account)
    removed = factories.make_counter(account=account, removed_at=timezone.now())

    assert list(Counter.objects.present()) == [present]
    assert list(account.cabinet.counters.removed()) == [removed]
    assert (present.is_removed, removed.is_removed) == (False, True)


@pytest.mark.parametrize("access", Counter.Access)
def test_only_access_ok_is_access(account: YandexAccount, access: Counter.Access) -> None:
    counter = factories.make_counter(account=account, access=access)

    assert Counter.objects.without_access().exists() == (access != Counter.Access.OK)
    assert counter.has_access == (access == Counter.Access.OK)


@pytest.mark.parametrize(
    ("access", "state", "is_reachable"),
    [
        ("ok", "active", True),
        ("ok", "refresh_failed", True),
        ("ok", "reauth_required", False),
        ("ok", "disconnected", False),
        ("view_only", "active", False),
        ("lost", "active", False),
    ],
)
def test_counter_is_reachable_with_access_through_a_usable_account(
    access: str, state: str, is_reachable: bool
) -> None:
    assert Counter(account=YandexAccount(state=state), access=access).is_reachable == is_reachable


def test_details_are_loaded_in_one_query(
    counter: Counter, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        (loaded,) = Counter.objects.with_details()
        assert loaded.account.pk == counter.account_id
        assert (loaded.goal, loaded.cabinet.name) == (None, counter.cabinet.name)
