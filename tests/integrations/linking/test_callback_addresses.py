"""Parameters, addresses and pages of the callback: they keep no code and no text of Yandex."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from cabinets.models import Cabinet
from callkeeper_metrika.redaction import redact
from integrations.linking.errors import PAGES, LinkFailure
from integrations.models import LinkAttempt, YandexAccount
from tests.integrations.linking.refusals import assert_refused
from tests.integrations.yandex_id import (
    YandexId,
    link,
    open_callback,
    result_of,
    start,
)


def test_each_failure_has_a_page_of_its_own() -> None:
    assert set(PAGES) == set(LinkFailure)
    assert len({str(page.title) for page in PAGES.values()}) == len(LinkFailure)
    assert len({str(page.text) for page in PAGES.values()}) == len(LinkFailure)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("access_denied", LinkFailure.CANCELLED),
        ("unauthorized_client", LinkFailure.APPLICATION_REFUSED),
        ("server_error", LinkFailure.YANDEX_REFUSED),
    ],
)
def test_error_description_of_yandex_is_never_shown(
    owner_client: Client, yandex_id: YandexId, error: str, reason: LinkFailure
) -> None:
    """S-16"""
    state = start(owner_client)["state"]

    answer = open_callback(
        owner_client, error=error, error_description="<b>call 8-800</b>", state=state
    )

    page = result_of(owner_client, answer)
    assert_refused(page, yandex_id, reason)
    assert "8-800" not in page.content.decode() + answer["Location"]
    assert not LinkAttempt.objects.exists()


@pytest.mark.parametrize("name", ["code", "state", "error"])
def test_repeated_parameter_is_refused(
    owner_client: Client, yandex_id: YandexId, name: str
) -> None:
    """S-19"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    query = f"code=7654321&state={state}&{name}=1&{name}=2"

    answer = owner_client.get(f"{reverse('integrations:link-callback')}?{query}")

    assert_refused(answer, yandex_id, LinkFailure.REPEATED_PARAMETERS)
    assert LinkAttempt.objects.count() == 1


def test_code_is_not_in_the_address_after_the_callback(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-20"""
    yandex_id.allows()

    answer = link(owner_client)

    assert answer.status_code == 303
    assert "7654321" not in answer["Location"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]


def test_refused_code_is_not_in_the_page(owner_client: Client, yandex_id: YandexId) -> None:
    """S-20"""
    answer = open_callback(owner_client, code="7654321", state="made-up")

    assert "7654321" not in answer.content.decode()
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert "https://" not in answer.content.decode().replace("https://id.yandex.ru", "")


@pytest.mark.parametrize("parameters", [{"error": "access_denied"}, {"code": "7654321"}, {}])
def test_failure_of_an_attempt_leaves_no_code_in_the_address(
    owner_client: Client, yandex_id: YandexId, parameters: dict[str, str]
) -> None:
    """S-20: neither the browser's history nor a reload has code or state."""
    yandex_id.refuses("invalid_grant")
    state = start(owner_client)["state"]

    answer = open_callback(owner_client, state=state, **parameters)

    page = result_of(owner_client, answer)
    assert state not in answer["Location"]
    assert "7654321" not in answer["Location"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert "no-store" in page["Cache-Control"]


def test_unknown_result_is_not_found(owner_client: Client) -> None:
    assert owner_client.get("/lk/integrations/yandex/link-result/made_up").status_code == 404


def test_result_page_requires_sign_in(owner_client: Client) -> None:
    owner_client.logout()

    answer = owner_client.get("/lk/integrations/yandex/link-result/cancelled")

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_redirect_target_does_not_depend_on_parameters(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-08, S-21"""
    yandex_id.allows()
    state = start(owner_client)["state"]

    answer = open_callback(
        owner_client, code="7654321", state=state, next="https://evil.example/", cabinet="99"
    )

    account = YandexAccount.objects.get()
    assert answer["Location"] == reverse("counters:add", args=[account.pk])


def test_access_log_line_of_the_callback_is_masked() -> None:
    """S-33"""
    line = "GET /lk/integrations/yandex/callback?code=7654321&state=Sentinel-State HTTP/1.1"

    assert "7654321" not in redact(line)
    assert "Sentinel" not in redact(line)


def test_callback_is_a_get(owner_client: Client, yandex_id: YandexId) -> None:
    assert owner_client.post(reverse("integrations:link-callback")).status_code == 405
    assert owner_client.head(reverse("integrations:link-callback")).status_code == 405


def test_message_names_the_linked_account(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    yandex_id.allows()

    answer = link(owner_client)

    texts = [str(message) for message in get_messages(answer.wsgi_request)]
    assert texts == ["Аккаунт okna-stolica подключён."]
