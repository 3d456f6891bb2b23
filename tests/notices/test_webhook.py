"""The webhook of a cabinet, over a real HTTP server: signed, repeated with its id, kept outside."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings
from standardwebhooks import Webhook

from cabinets.models import AuditEvent, Cabinet
from integrations.models import YandexAccount
from notices.checks import check_private_webhooks
from notices.media.addresses import AddressNotAllowed, check_url
from notices.models import NoticeMessage, NoticeWebhook
from notices.tasks import check_often, send
from tests.notices.http_sink import HttpSink

PAGE = "/lk/integrations/notices/webhook"
MINUTE = timedelta(minutes=1)


def save(client: Client, url: str, cabinet: Cabinet) -> str:
    """Save the address on the page; return the secret that it shows."""
    answer = client.post(PAGE, {"url": url, "cabinet": cabinet.pk})
    assert answer.status_code == 200
    found = re.search(r"whsec_[A-Za-z0-9+/=]+", answer.content.decode())
    assert found
    return found[0]


def queue_change(clock: time_machine.Traveller) -> None:
    """Queue a message that is due."""
    YandexAccount.objects.update(state="reauth_required")
    check_often()
    clock.shift(MINUTE)


def state() -> tuple[str, int, str]:
    row = NoticeMessage.objects.get()
    return row.state, row.attempts, row.error


def test_change_is_posted_signed_and_repeated_as_the_same_message(
    clock: time_machine.Traveller,
    http: HttpSink,
    owner_client: Client,
    viewer_client: Client,
    cabinet: Cabinet,
    account: YandexAccount,
) -> None:
    secret = save(owner_client, f"{http.url}/hook?token=abc", cabinet)
    http.answers = [(0, {}), (503, {}), (302, {})]
    queue_change(clock)
    send()
    assert state() == ("waiting", 1, "no_answer")
    for minutes, error in ((1, "http_503"), (5, "http_302")):
        clock.shift(minutes * MINUTE)
        send()
        assert state()[0::2] == ("waiting", error)
    clock.shift(30 * MINUTE)
    send()
    send()

    assert state() == ("sent", 4, "")
    assert [one.path for one in http.requests] == ["/hook?token=abc"] * 4
    assert len({(one.body, one.headers["webhook-id"]) for one in http.requests}) == 1
    last = http.requests[-1]
    data = Webhook(secret).verify(last.body, last.headers)["data"]
    assert (data["closed"], data["cabinet"]) == ([], {"id": cabinet.pk, "name": cabinet.name})
    (opened,) = data["opened"]
    assert (opened["kind"], opened["name"]) == ("reconnect", account.login)
    assert opened["url"] == "http://127.0.0.1:8000/lk/integrations/yandex"
    page = owner_client.get(PAGE).content.decode()
    assert "127.0.0.1" in page
    assert "token=abc" not in page
    assert secret not in page
    assert viewer_client.get(PAGE).status_code == 403


def test_owner_tries_rotates_and_removes(
    clock: time_machine.Traveller, http: HttpSink, owner_client: Client, cabinet: Cabinet
) -> None:
    old = save(owner_client, http.url, cabinet)
    form = {"cabinet": cabinet.pk}
    http.answers = [(500, {})]
    told = owner_client.post(f"{PAGE}/trial", form, follow=True).content.decode()
    assert "не доставлено. Адрес ответил кодом 500. Исправьте и попробуйте ещё раз." in told
    page = owner_client.get(PAGE).content.decode()
    mark = re.findall(r'name="mark" value="(\w+)"', page)[0]
    answer = owner_client.post(f"{PAGE}/secret", form | {"mark": mark}).content.decode()
    new = re.findall(r"whsec_[A-Za-z0-9+/=]+", answer)[0]
    owner_client.post(f"{PAGE}/trial", form)
    last = http.requests[-1]
    assert Webhook(new).verify(last.body, last.headers)["type"] == "notices.trial"
    assert old != new

    assert owner_client.post(f"{PAGE}/remove", form).status_code == 303
    owner_client.post(f"{PAGE}/trial", form)
    send()

    assert not NoticeWebhook.objects.exists()
    assert (len(http.requests), NoticeMessage.objects.count()) == (2, 0)
    actions = AuditEvent.objects.order_by("pk").values_list("action", "before", "after")
    host = {"host": "127.0.0.1"}
    assert list(actions) == [
        ("notice_webhook.saved", {}, host),
        ("notice_webhook.secret_rotated", {}, host),
        ("notice_webhook.removed", host, {}),
    ]


@pytest.mark.parametrize(
    "url",
    [
        *("https://127.0.0.1/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data"),
        *(
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://localhost/",
            "https://0.0.0.0/",
        ),
        *(
            "http://93.184.216.34/",
            "ftp://93.184.216.34/",
            "https://a:b@93.184.216.34/",
            "https://",
        ),
        *("https://no-such-host.invalid/", "https://[::1", "https://93.184.216.34:99999/", "x"),
        *(
            "https://100.64.0.1/",
            "https://192.168.0.1:8443/",
            "https://[fe80::1]/",
            "https://2130706433/",
        ),
        # Addresses of IPv6 with one of IPv4 in them, and those of a site.
        *(
            "https://[64:ff9b::7f00:1]/",
            "https://[::127.0.0.1]/",
            "https://[2002:7f00:1::]/",
            "https://[fec0::1]/",
        ),
    ],
)
def test_address_that_is_not_public_is_refused(url: str) -> None:
    with pytest.raises(AddressNotAllowed):
        check_url(url)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_address_is_checked_again_when_the_connection_is_made(
    clock: time_machine.Traveller,
    http: HttpSink,
    settings: Settings,
    cabinet: Cabinet,
    owner: User,
    owner_client: Client,
    account: YandexAccount,
    scheme: str,
) -> None:
    """A name may lead elsewhere by then, and so may an address that was stored under DEBUG."""
    save(owner_client, http.url.replace("http", scheme), cabinet)
    queue_change(clock)
    settings.NOTICE_WEBHOOK_PRIVATE = False

    send()

    assert (http.requests, state()) == ([], ("failed", 1, "address_not_allowed"))
    answer = owner_client.post(PAGE, {"url": http.url + "/x", "cabinet": cabinet.pk})
    assert "Такой адрес не подходит." in answer.content.decode()
    check_url("https://93.184.216.34/hook")


def test_name_that_is_not_found_for_a_while_is_tried_again(
    clock: time_machine.Traveller,
    http: HttpSink,
    owner_client: Client,
    cabinet: Cabinet,
    account: YandexAccount,
) -> None:
    save(owner_client, http.url, cabinet)
    queue_change(clock)
    row = NoticeWebhook.objects.get()
    row.url = http.url.replace("127.0.0.1", "no-such-host.invalid")
    row.save()
    send()
    assert state() == ("waiting", 1, "no_answer")
    row.url = http.url
    row.save()
    clock.shift(MINUTE)

    send()

    assert state() == ("sent", 2, "")


def test_deployment_that_lets_webhooks_into_its_network_is_refused(settings: Settings) -> None:
    settings.SANDBOX_TRIAL = False
    settings.NOTICE_WEBHOOK_PRIVATE = True
    assert [one.id for one in check_private_webhooks()] == ["notices.E001"]
    settings.NOTICE_WEBHOOK_PRIVATE = False
    assert check_private_webhooks() == []
