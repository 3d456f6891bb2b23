"""Support cannot leave a cabinet without an owner, whichever page is used."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent, Cabinet, Membership
from tests import factories

MEMBERS, PEOPLE = "cabinets_membership", "auth_user"
SENTENCE = "остался бы без владельца. Сначала сделайте владельцем другого человека."


@pytest.fixture
def second(cabinet: Cabinet) -> User:
    return factories.make_user(username="second")


def press(client: Client, model: str, pks: list[int], *, one: bool) -> str:
    """Confirm the deletion of the row, or of the rows by the action of the list."""
    if one:
        url, form = reverse(f"admin:{model}_delete", args=pks), {}
    else:
        url = reverse(f"admin:{model}_changelist")
        form = {"action": "delete_selected", "_selected_action": [str(pk) for pk in pks]}
    return client.post(url, form | {"post": "yes"}, follow=True).content.decode()


@pytest.mark.parametrize("one", [True, False], ids=["page", "action"])
@pytest.mark.parametrize("model", [MEMBERS, PEOPLE])
def test_last_owner_is_not_deleted_and_one_of_two_is(
    support_client: Client, cabinet: Cabinet, owner: User, second: User, model: str, one: bool
) -> None:
    own = Membership.objects.get(cabinet=cabinet, user=owner)
    pk = own.pk if model == MEMBERS else owner.pk

    refused = press(support_client, model, [pk], one=one)
    assert SENTENCE in refused
    assert Membership.objects.filter(pk=own.pk).exists()
    assert not AuditEvent.objects.exists()

    other = Membership.objects.create(cabinet=cabinet, user=second, role=Membership.Role.OWNER)
    both = [pk, other.pk if model == MEMBERS else second.pk]
    if not one:
        assert SENTENCE in press(support_client, model, both, one=False)
    assert SENTENCE not in press(support_client, model, [pk], one=one)
    assert list(Membership.objects.filter(cabinet=cabinet)) == [other]


def test_last_owner_keeps_role_and_cabinet(
    support_client: Client, cabinet: Cabinet, owner: User, second: User
) -> None:
    own = Membership.objects.get(cabinet=cabinet, user=owner)
    elsewhere = factories.make_cabinet(name="Двери")
    url = reverse("admin:cabinets_membership_change", args=[own.pk])
    same = {"cabinet": cabinet.pk, "user": owner.pk, "role": "owner"}

    for change in ({"role": "viewer"}, {"cabinet": elsewhere.pk}):
        assert SENTENCE in support_client.post(url, same | change).content.decode()
    assert support_client.post(url, same).status_code == 302
    assert Membership.objects.get(pk=own.pk).role == "owner"

    Membership.objects.create(cabinet=cabinet, user=second, role=Membership.Role.OWNER)
    assert support_client.post(url, same | {"role": "viewer"}).status_code == 302
    assert Membership.objects.get(pk=own.pk).role == "viewer"
