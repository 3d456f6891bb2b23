"""Secrets of a source: rotated without a gap, shown once, stored sealed."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import UserSession
from cabinets.models import AuditEvent, CallSource, SigningSecret
from tests import factories
from tests.cabinets.source_pages import (
    ADD,
    LIST,
    OTHER_KEY,
    SECOND,
    live,
    retire_url,
    rotate_url,
    shown_secret,
)
from tests.calls.posting import post_calls
from tests.responses import messages_of, text_of

pytestmark = pytest.mark.django_db


def test_secret_of_another_source_is_not_retired(
    owner_client: Client, source: CallSource, two_secrets: list[SigningSecret]
) -> None:
    other = factories.make_source(cabinet=factories.make_cabinet(name="Другой"), secret=SECOND)

    answer = owner_client.post(retire_url(source, other.signing_secrets.get()))

    assert messages_of(answer) == [
        "Секрет источника «CallKeeper» не отозван: его уже нет или он единственный."
    ]
    assert (len(live(source)), len(live(other))) == (2, 1)


def test_rotation_keeps_the_old_secret(owner_client: Client, source: CallSource) -> None:
    answer = owner_client.post(rotate_url(source))

    new = shown_secret(answer)
    assert live(source) == [factories.SECRET, new]
    for secret in (factories.SECRET, new):
        assert post_calls(factories.v3_record(), source=source, secret=secret).status_code == 202


def test_rotation_sent_twice_keeps_both_secrets(owner_client: Client, source: CallSource) -> None:
    new = shown_secret(owner_client.post(rotate_url(source)))

    again = owner_client.post(rotate_url(source))

    assert again.status_code == 409
    assert "У источника уже два действующих секрета." in text_of(again)
    assert "whsec_" not in text_of(again)
    assert live(source) == [factories.SECRET, new]
    assert AuditEvent.objects.count() == 1


def test_page_of_a_source_with_two_secrets_offers_no_rotation(
    owner_client: Client, source: CallSource, two_secrets: list[SigningSecret]
) -> None:
    page = text_of(owner_client.get(rotate_url(source)))

    assert "Сменить и показать новый секрет" not in page
    assert "отзовите новый и смените секрет ещё раз" in page


def test_first_secret_is_not_to_be_changed_again(owner_client: Client) -> None:
    form = {"name": "АТС", "time_zone": "Europe/Moscow"}

    page = text_of(owner_client.post(reverse("cabinets:source-add"), form))

    assert "Если он потеряется, смените секрет." in page


def test_secret_that_no_key_opens_can_be_rotated(
    owner_client: Client, source: CallSource, settings: Settings
) -> None:
    settings.SEALING_KEYS = [OTHER_KEY]

    answer = owner_client.post(rotate_url(source))

    assert source.signing_secrets.count() == 2
    assert source.signing_secrets.get(slot=2).secret == shown_secret(answer)


@pytest.mark.parametrize(("which", "left"), [(0, SECOND), (1, factories.SECRET)])
def test_either_of_two_secrets_can_be_retired(
    owner_client: Client,
    owner: User,
    source: CallSource,
    two_secrets: list[SigningSecret],
    which: int,
    left: str,
) -> None:
    retired = next(one for one in (factories.SECRET, SECOND) if one != left)

    answer = owner_client.post(retire_url(source, two_secrets[which]))

    assert answer["Location"] == LIST
    assert messages_of(answer) == ["Секрет источника «CallKeeper» отозван."]
    assert live(source) == [left]
    assert post_calls(factories.v3_record(), source=source, secret=retired).status_code == 401
    assert post_calls(factories.v3_record(), source=source, secret=left).status_code == 202
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("source.secret_retired", owner)


def test_confirmation_says_which_secret_is_retired(
    owner_client: Client, source: CallSource, two_secrets: list[SigningSecret]
) -> None:
    old, new = two_secrets

    assert "Отозвать старый секрет" in text_of(owner_client.get(retire_url(source, old)))
    assert "Отозвать новый секрет" in text_of(owner_client.get(retire_url(source, new)))


def test_retiring_sent_twice_keeps_the_other_secret(
    owner_client: Client, source: CallSource, two_secrets: list[SigningSecret]
) -> None:
    owner_client.post(retire_url(source, two_secrets[0]))
    owner_client.post(rotate_url(source))

    owner_client.post(retire_url(source, two_secrets[0]))

    assert len(live(source)) == 2
    assert live(source)[0] == SECOND


def test_only_secret_cannot_be_retired(owner_client: Client, source: CallSource) -> None:
    only = source.signing_secrets.get()

    answer = owner_client.post(retire_url(source, only))

    assert owner_client.get(retire_url(source, only)).status_code == 404
    assert "не отозван" in messages_of(answer)[0]
    assert live(source) == [factories.SECRET]
    assert AuditEvent.objects.count() == 0


@pytest.mark.parametrize("form", ["add", "rotate"])
def test_secret_is_in_one_response_and_nowhere_else(
    owner_client: Client,
    source: CallSource,
    caplog: pytest.LogCaptureFixture,
    form: str,
) -> None:
    caplog.set_level("DEBUG")
    url = ADD if form == "add" else rotate_url(source)

    answer = owner_client.post(url, {"name": "CRM"})

    secret = shown_secret(answer)
    bare = secret.removeprefix("whsec_")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert messages_of(answer) == []
    assert bare not in "".join(f"{name}: {value}" for name, value in answer.items())
    assert bare not in str(answer.cookies)
    assert bare not in caplog.text
    kept = [json.dumps(one.get_decoded()) for one in UserSession.objects.all()]
    assert kept
    assert all(bare not in one for one in kept)
    assert all(bare not in json.dumps([one.before, one.after]) for one in AuditEvent.objects.all())
    for page in (LIST, ADD, rotate_url(source), "/lk/integrations"):
        assert bare not in text_of(owner_client.get(page))
