"""Every page: no browser errors, no violation of accessibility, no horizontal overflow."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from playwright.sync_api import Page, expect
from pytest_django import Settings

from cabinets.models import Cabinet, CallSource, Membership, SigningSecret
from calls.ways.imports.run import run_due
from calls.ways.trial_call import make_trial_calls
from counters.models import Counter
from integrations.models import YandexAccount
from notices.models import NoticeWebhook
from tests import factories
from tests.browser.axe import violations_in_both_themes
from tests.browser.conftest import OpenBrowser
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.notices.notices import make_notice, make_pause
from tests.site import address, routes, set_up

pytestmark = pytest.mark.django_db(transaction=True)

PHONE, DESKTOP = 390, 1440
#: The narrowest windows of each layout: widths at which a style sheet changes it, and phones.
WIDTHS = (1240, 1100, 900, 840, 600, PHONE, 320)
#: A control or image without an accessible name, in an ARIA snapshot.
UNNAMED = re.compile(
    r"- (?:button|link|textbox|searchbox|checkbox|radio|combobox|spinbutton|switch|img)(?! ['\"])"
    r"(?: \[[^\]]*\])*:?$"
)
REPEATED_IDS = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place);
}"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def addresses(
    windows: Counter, linked: YandexAccount, cabinet: Cabinet, owner: User, settings: Settings
) -> dict[str, str]:
    """URL name, with a remark → path of the pages that need more data than `tests.site` makes."""
    settings.EMAIL_HOST = "mail.example"
    upload = make_upload(counter=windows)
    source = factories.make_source(cabinet=cabinet)
    newer = SigningSecret.objects.create(source=source, slot=2, secret=factories.SECRET)
    call = make_call(cabinet=cabinet)
    make_delivery(call=call, counter=windows, upload=upload)
    make_delivery(call=make_call(cabinet=cabinet), counter=windows)
    pages: dict[str, tuple[int | str, ...]] = {
        "integrations:dashboard": (),
        "integrations:search": (),
        "counters:list": (),
        **_pages_of_notices(cabinet),
        "doctor:doctor": (),
        "counters:add": (linked.pk,),
        "counters:settings": (windows.pk,),
        "counters:delete": (windows.pk,),
        "counters:settings-copy": (windows.pk,),
        "counters:settings-history": (windows.pk,),
        "counters:template-add": (windows.pk,),
        "counters:templates": (),
        "counters:template-apply": (factories.make_template(cabinet=cabinet).pk,),
        "calls:send-earlier": (windows.pk,),
        "integrations:account-disconnect": (linked.pk,),
        "cabinets:sources": (),
        "cabinets:source-add": (),
        "cabinets:source-change": (source.pk,),
        "cabinets:source-rotate": (source.pk,),
        "cabinets:source-retire": (source.pk, newer.pk),
        **_pages_of_people(cabinet, owner),
        "calls:list": (),
        "calls:freshness": (),
        "calls:quality": (),
        "calls:export-page": (factories.make_export(cabinet=cabinet, requested_by=owner).pk,),
        "calls:history": (windows.pk,),
        "calls:bulk": (windows.pk, "call_off"),
        "calls:bulk-action": (windows.pk, factories.make_bulk(counter=windows).pk),
        "calls:journey": (call.pk,),
        "calls:send": (call.pk, windows.pk),
        "calls:backfill-new": (),
        "calls:reports": (),
        "calls:statistics": (),
        "calls:funnel": (),
        "calls:upload": (upload.pk,),
        "calls:api-docs": (),
        "help:index": (),
        "help:page": ("malformed_json",),
        "password_change": (),
        "status": (),
        "sessions": (),
        "password_reset": (),
        "password_reset_done": (),
        "account_reset_password_from_key": _password_link(
            factories.make_user(username="forgetful")
        ),
        **_pages_of_ways(cabinet),
        "admin:index": (),
        "admin:calls_delivery_changelist": (),
        "admin:auth_user_add": (),
        "admin:auth_user_password_change": (factories.make_user(username="reset").pk,),
    }
    found = {name: reverse(name.split(",")[0], args=values) for name, values in pages.items()}
    return found | {
        "calls:test-call, made": _trial_calls(source),
        "integrations:search, found": f"{reverse('integrations:search')}?q={call.phone[-7:]}",
    }


def _pages_of_people(cabinet: Cabinet, owner: User) -> dict[str, tuple[int | str, ...]]:
    """Return the pages of people and invitations, with their arguments."""
    viewer = factories.make_member(
        cabinet=cabinet, role=Membership.Role.VIEWER, first_name="Константин", last_name="Ф" * 30
    )
    guest = viewer.cabinet_memberships.get()
    open_one = factories.make_invitation(
        cabinet=cabinet, invited_by=owner, email=f"{'a' * 60}@okna-stolica.example"
    )
    over = timezone.now() - timedelta(days=1)
    factories.make_invitation(cabinet=cabinet, invited_by=owner, expires_at=over)
    return {
        "cabinets:people": (),
        "cabinets:audit": (),
        "cabinets:person-invite": (),
        "cabinets:person-remove": (guest.pk,),
        "cabinets:person-owner": (guest.pk,),
        "cabinets:leave": (),
        "invitation": (str(open_one.token),),
        "email-confirm": (_email_key(owner),),
    }


def _email_key(person: User) -> str:
    """Return the key of a link that confirms the person's address."""
    address = EmailAddress.objects.create(user=person, email=person.email)
    return str(EmailConfirmationHMAC(address).key)


def _pages_of_notices(cabinet: Cabinet) -> dict[str, tuple[int, ...]]:
    """Return the pages of notices, of which there are some, and of a webhook."""
    make_notice(cabinet=cabinet)
    make_notice(cabinet=cabinet, subject="account:2", closed_at=timezone.now())
    NoticeWebhook.objects.create(
        cabinet=cabinet,
        url="https://crm.example/hooks",
        secret=factories.SECRET,
        created_at=timezone.now(),
    )
    make_pause(cabinet=cabinet)
    names = ("list", "choices", "pause-add", "webhook", "webhook-remove")
    return {f"notices:{name}": () for name in names}


def _pages_of_second_factors() -> dict[str, tuple[int, ...]]:
    """Return the pages that ask for no password first, with their arguments."""
    return {"mfa_index": (), "account_reauthenticate": ()}


def _pages_of_ways(cabinet: Cabinet) -> dict[str, tuple[int, ...]]:
    """Return the pages of sources that are not signed requests, with their arguments."""
    pulled = factories.make_source(cabinet=cabinet, name="Ключ", kind=CallSource.Kind.PULL)
    hooks, _path = factories.make_hooks(cabinet=cabinet)
    factories.make_received(source=hooks, record=factories.v3_record(visit={"first": {"a": "б"}}))
    factories.make_rejected(source=hooks, record=factories.v3_record(), way="webhook")
    files = factories.make_source(cabinet=cabinet, name="Файлы", kind=CallSource.Kind.FILE)
    wide = ";".join(f"Столбец номер {number}" for number in range(12))
    table = (
        f"Дата;Телефон;{wide}\n2026-11-23 10:20:30;8 (916) 123-45-67{';слова' * 12}\n?;1,7E+18\n"
    )
    imported = factories.make_import(source=files, data=table.encode("cp1251"))
    run_due(seconds=10)
    return {
        "calls:source": (pulled.pk,),
        "calls:source, files": (files.pk,),
        "calls:import-new": (files.pk,),
        "calls:import": (files.pk, imported.pk),
        "calls:source, webhooks": (hooks.pk,),
        "calls:source-address-rotate": (hooks.pk,),
        "calls:source-rejected": (hooks.pk,),
        "calls:source-mapping": (hooks.pk,),
        "calls:test-call": (pulled.pk,),
        "calls:source-add-pull": (),
        "calls:source-pull-key": (factories.make_pull(source=pulled).pk,),
    }


def _trial_calls(source: CallSource) -> str:
    """Return the path of the page of a source's trial calls, which it has."""
    token = "0" * 16
    make_trial_calls(source, token=token, site="", actor=None, now=timezone.now())
    return f"{reverse('calls:test-call', args=[source.pk])}?made={token}"


def _password_link(person: User) -> tuple[str, str]:
    """Return the arguments of the link that sets a new password."""
    number = urlsafe_base64_encode(force_bytes(person.pk))
    return number, default_token_generator.make_token(person)


@pytest.fixture
def every_address(addresses: dict[str, str], windows: Counter, owner: User) -> dict[str, str]:
    """`addresses`, and the pages behind all other URL names that the owner can open."""
    client, things = Client(), set_up(windows)
    client.force_login(owner)
    named = {name.split(",")[0] for name in addresses}
    others = {name: address(name, route, things) for name, route in routes() if name not in named}
    return addresses | {name: path for name, path in others.items() if _is_page(client, path)}


def _is_page(client: Client, path: str) -> bool:
    answer = client.get(path)
    is_html = answer.headers.get("Content-Type", "").startswith("text/html")
    return answer.status_code == 200 and is_html and b"<html" in answer.content[:500]


def test_every_page_is_accessible_at_every_width_in_both_themes(
    open_browser: OpenBrowser, owner: User, every_address: dict[str, str]
) -> None:
    owner.is_staff = owner.is_superuser = True
    owner.save()
    person = open_browser(owner, width=DESKTOP)

    found: dict[str, list[str]] = {}
    for name, path in every_address.items():
        answer = person.page.goto(person.url + path)
        assert answer is not None
        is_ours = not name.startswith("admin")
        found[name] = [
            *([] if answer.status == 200 else [f"status {answer.status}"]),
            *(_faults_at_every_width(person.page) if is_ours else []),
            *person.browser_errors,
        ]
        person.browser_errors.clear()

    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/lk/integrations/calls/404404", 404),
        ("/lk/integrations/yandex/callback?error=access_denied&state=foreign", 400),
    ],
)
def test_error_pages_are_accessible(
    open_browser: OpenBrowser, owner: User, address: str, status: int
) -> None:
    person = open_browser(owner, width=DESKTOP)

    answer = person.page.goto(person.url + address)

    assert answer is not None
    assert answer.status == status
    assert _faults_at_every_width(person.page) == []
    assert [text for text in person.browser_errors if "Policy" in text] == []


@pytest.mark.parametrize("name", ["integrations:dashboard", "counters:list"])
def test_empty_pages_are_accessible(open_browser: OpenBrowser, owner: User, name: str) -> None:
    person = open_browser(owner, width=DESKTOP)

    person.page.goto(person.url + reverse(name))

    expect(person.page.get_by_role("button", name="Подключить", exact=True)).to_be_visible()
    assert _faults_at_every_width(person.page) == []
    assert person.browser_errors == []


def test_sign_in_page_is_accessible(open_browser: OpenBrowser, owner: User) -> None:
    person = open_browser(owner, width=DESKTOP)
    person.page.context.clear_cookies()

    person.page.goto(f"{person.url}/lk/integrations")

    assert person.page.url.endswith("/accounts/login/?next=/lk/integrations")
    assert _faults_at_every_width(person.page) == []
    assert person.browser_errors == []


def _faults_at_every_width(page: Page) -> list[str]:
    """Return what is wrong with the page that is open; widths are tried from wide to narrow."""
    page.set_viewport_size({"width": DESKTOP, "height": 800})
    faults = [*_page_faults(page), *violations_in_both_themes(page)]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        too_wide = page.evaluate(TOO_WIDE)
        faults += [f"{too_wide} px too wide at {width} px"] if too_wide > 0 else []
        if width == PHONE:
            faults += [*_page_faults(page), *violations_in_both_themes(page)]
    return faults


def _page_faults(page: Page) -> list[str]:
    tree = page.locator("body").aria_snapshot().splitlines()
    headings = page.get_by_role("heading", level=1).count()
    return [
        *(line.strip() for line in tree if UNNAMED.search(line)),
        *(f"repeated id {name}" for name in page.evaluate(REPEATED_IDS)),
        *([] if headings == 1 else [f"{headings} headings of the first level"]),
        *([] if page.locator("html").get_attribute("lang") == "ru" else ["not in Russian"]),
    ]
