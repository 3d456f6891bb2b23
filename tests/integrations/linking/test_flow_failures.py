"""Failures of the exchange: each has its page, nothing is stored. S-numbers as in test_start."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client

from integrations.linking.errors import PAGES, LinkFailure
from integrations.models import YandexAccount
from tests.integrations.yandex_id import (
    YandexId,
    link,
    result_of,
    token_answer,
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("invalid_grant", LinkFailure.CODE_REFUSED),
        ("bad_verification_code", LinkFailure.CODE_REFUSED),
        ("invalid_scope", LinkFailure.CODE_REFUSED),
        ("invalid_client", LinkFailure.APPLICATION_REFUSED),
        ("unauthorized_client", LinkFailure.APPLICATION_REFUSED),
        ("Basic auth required", LinkFailure.APPLICATION_REFUSED),
        ("invalid_request", LinkFailure.YANDEX_REFUSED),
        ("something_new", LinkFailure.YANDEX_REFUSED),
    ],
)
def test_each_refusal_of_a_code_has_its_page(
    owner_client: Client, yandex_id: YandexId, error: str, reason: LinkFailure
) -> None:
    yandex_id.refuses(error)

    answer = result_of(owner_client, link(owner_client))

    assert answer.status_code == PAGES[reason].status
    assert str(PAGES[reason].title) in answer.content.decode()
    assert "internal detail of Yandex" not in answer.content.decode()
    assert not YandexAccount.objects.exists()


def test_code_is_not_exchanged_again_after_an_outage(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-43"""
    yandex_id.is_down()

    answer = result_of(owner_client, link(owner_client))

    assert answer.status_code == 503
    assert "Яндекс сейчас не отвечает" in answer.content.decode()
    assert len(yandex_id.forms("/token")) == 1
    assert not YandexAccount.objects.exists()


def test_outage_of_the_profile_stores_nothing(owner_client: Client, yandex_id: YandexId) -> None:
    yandex_id.grants()
    yandex_id.is_down("/info", "GET")

    answer = result_of(owner_client, link(owner_client))

    assert answer.status_code == 503
    assert len(yandex_id.forms("/token")) == 1
    assert not YandexAccount.objects.exists()


def test_no_transaction_is_open_during_a_request_to_yandex(
    owner_client: Client, yandex_id: YandexId
) -> None:
    depth = len(connection.savepoint_ids)
    seen: list[int] = []
    yandex_id.knows()
    yandex_id.meanwhile(
        "/token", lambda: seen.append(len(connection.savepoint_ids)), **token_answer()
    )

    link(owner_client)

    assert seen == [depth]
