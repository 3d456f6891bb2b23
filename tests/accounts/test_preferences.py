"""A person's language, theme and time zone: stored, applied to every page, kept for the sign-in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from accounts.models import Preference
from cabinets.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(client: Client) -> User:
    user = factories.make_member(cabinet=factories.make_cabinet())
    client.force_login(user)
    return user


def test_without_a_choice_pages_follow_the_system_and_the_cabinet(
    client: Client, person: User
) -> None:
    page = client.get(reverse("integrations:dashboard")).content.decode()

    assert '<html lang="ru" data-theme="system">' in page
    assert not Preference.objects.exists()


def test_switches_of_the_menu_change_one_thing_and_return_to_the_page(
    client: Client, person: User
) -> None:
    sources = reverse("cabinets:sources")

    page_of = {"referer": f"http://127.0.0.1{sources}"}
    dark = client.post(reverse("preference-switch"), {"theme": "dark"}, headers=page_of)
    english = client.post(reverse("preference-switch"), {"language": "en"}, headers=page_of)

    assert (dark.status_code, dark.headers["Location"]) == (303, f"http://127.0.0.1{sources}")
    assert english.cookies["language"].value == "en"
    stored = Preference.objects.get()
    assert (stored.user, stored.language, stored.theme, stored.time_zone) == (
        person,
        "en",
        "dark",
        "",
    )
    page = client.get(sources)
    assert '<html lang="en" data-theme="dark">' in page.content.decode()
    assert page.headers["Content-Language"] == "en"
    events = AuditEvent.objects.filter(action="user.preferences_changed").order_by("pk")
    assert [(one.before, one.after) for one in events] == [
        ({"theme": "system"}, {"theme": "dark"}),
        ({"language": "ru"}, {"language": "en"}),
    ]


@pytest.mark.parametrize("foreign", ["https://evil.example/", "//evil.example", ""])
def test_switch_leads_to_no_other_site(client: Client, person: User, foreign: str) -> None:
    answer = client.post(
        reverse("preference-switch"), {"theme": "light"}, headers={"referer": foreign}
    )

    assert answer.headers["Location"] == reverse("preferences")


def test_unknown_theme_changes_nothing(client: Client, person: User) -> None:
    answer = client.post(reverse("preference-switch"), {"theme": "pink"})

    assert answer.headers["Location"] == reverse("preferences")
    assert not Preference.objects.exists()


def test_times_are_shown_in_the_zone_of_the_person(client: Client, person: User) -> None:
    cabinet = person.cabinet_memberships.get().cabinet
    account = factories.make_account(cabinet=cabinet)
    counter = factories.make_counter(
        account=account, accepts_from=datetime(2026, 11, 5, 9, tzinfo=UTC)
    )
    settings_url = reverse("counters:settings", args=[counter.pk])
    assert "5 ноя 2026, 12:00" in client.get(settings_url).content.decode()

    answer = client.post(
        reverse("preferences"),
        {"language": "ru", "theme": "system", "time_zone": "Asia/Vladivostok"},
    )

    assert answer.status_code == 303
    assert "5 ноя 2026, 19:00" in client.get(settings_url).content.decode()


def test_refused_form_names_the_field_and_stores_nothing(client: Client, person: User) -> None:
    answer = client.post(
        reverse("preferences"), {"language": "ru", "theme": "system", "time_zone": "Mars/Base"}
    )

    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["time_zone"]
    assert not Preference.objects.exists()


def test_sign_in_page_is_in_the_last_language_of_the_browser(client: Client) -> None:
    client.cookies["language"] = "en"
    assert '<html lang="en"' in client.get(reverse("login")).content.decode()

    client.cookies["language"] = "xx"
    assert '<html lang="ru"' in client.get(reverse("login")).content.decode()
