"""What each permission of a staff user shows and allows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery


def test_actions_need_the_permission_to_change(client: Client, counter: Counter) -> None:
    viewer = factories.make_user(username="viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_counter"))
    client.force_login(viewer)

    client.post(
        reverse("admin:counters_counter_changelist"),
        {"action": "switch_off", "_selected_action": [str(counter.pk)]},
    )

    counter.refresh_from_db()
    assert counter.enabled is True
    assert client.get(reverse("admin:counters_counter_changelist")).status_code == 200
    assert client.get(reverse("admin:calls_call_changelist")).status_code == 403


@pytest.mark.parametrize("is_permitted", [False, True])
def test_whole_phones_and_raw_records_need_a_permission(
    client: Client, counter: Counter, is_permitted: bool
) -> None:
    raw = {"clientNumber": "79161234567", "comment": "said-by-the-client"}
    call = make_call(cabinet=counter.cabinet, phone="+79161234567", raw=raw)
    make_delivery(call=call, counter=counter)
    viewer = factories.make_user(username="viewer", is_staff=True)
    rights = ["view_call", "view_delivery", *(["view_personal_data"] if is_permitted else [])]
    viewer.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(viewer)

    pages = [
        client.get(reverse(address, args=args))
        for address, args in (
            ("admin:calls_call_changelist", []),
            ("admin:calls_call_change", [call.pk]),
            ("admin:calls_delivery_changelist", []),
        )
    ]

    assert [page.status_code for page in pages] == [200, 200, 200]
    texts = [page.content.decode() for page in pages]
    assert ["9161234567" in text for text in texts] == [is_permitted, is_permitted, False]
    assert ["+7 *** ***-45-67" in text for text in texts] == [
        not is_permitted,
        not is_permitted,
        False,
    ]
    assert ["said-by-the-client" in text for text in texts] == [False, is_permitted, False]


@pytest.mark.parametrize("page", ["call", "callkey", "delivery"])
@pytest.mark.parametrize(
    ("typed", "is_permitted", "found"), [("34567", False, 0), ("34567", True, 1)]
)
def test_search_does_not_reveal_a_masked_phone_digit_by_digit(
    client: Client, counter: Counter, page: str, typed: str, is_permitted: bool, found: int
) -> None:
    make_delivery(call=make_call(cabinet=counter.cabinet, phone="+79161234567"), counter=counter)
    viewer = factories.make_user(username="viewer", is_staff=True)
    rights = [f"view_{page}", *(["view_personal_data"] if is_permitted else [])]
    viewer.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(viewer)

    answer = client.get(reverse(f"admin:calls_{page}_changelist"), {"q": typed})

    assert len(answer.context["cl"].result_list) == found


def test_customer_is_sent_to_the_sign_in(owner_client: Client) -> None:
    answer = owner_client.get(reverse("admin:calls_call_changelist"))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
