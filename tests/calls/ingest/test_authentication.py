"""Which source a request comes from, and which signatures are accepted."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from cabinets.models import Cabinet, CallSource, SigningSecret
from cabinets.sources import retire_old_secret, rotate_secret
from calls.models import Call
from tests import factories
from tests.calls.ingest.refusals import OTHER_SECRET, assert_refused
from tests.calls.posting import new_webhook_id, post_body, post_calls, signed_headers

pytestmark = pytest.mark.django_db


def test_source_is_given_in_the_query(source: CallSource) -> None:
    body = json.dumps(factories.v3_record()).encode()
    factories.make_source(cabinet=source.cabinet, secret=OTHER_SECRET)

    answer = post_body(
        body,
        headers=signed_headers(body, webhook_id=new_webhook_id()),
        path=f"/api/v1/calls?source={source.public_id}",
    )

    assert answer.status_code == 202
    assert Call.objects.get().source_id == source.pk


def test_source_without_an_id_is_found_by_its_signature(source: CallSource) -> None:
    factories.make_source(cabinet=factories.make_cabinet(name="Другой"), secret=OTHER_SECRET)
    body = json.dumps(factories.v3_record()).encode()

    answer = post_body(body, headers=signed_headers(body, webhook_id=new_webhook_id()))

    assert answer.status_code == 202
    assert Call.objects.get().cabinet_id == source.cabinet_id


@pytest.mark.parametrize(("others", "status"), [(19, 202), (20, 401)])
def test_source_id_is_required_above_twenty_active_sources(
    source: CallSource, others: int, status: int
) -> None:
    for _number in range(others):
        factories.make_source(cabinet=source.cabinet, secret=OTHER_SECRET)
    factories.make_source(cabinet=source.cabinet, secret=OTHER_SECRET, is_active=False)
    body = json.dumps(factories.v3_record()).encode()

    answer = post_body(body, headers=signed_headers(body, webhook_id=new_webhook_id()))

    assert answer.status_code == status
    assert Call.objects.count() == (1 if status == 202 else 0)


@pytest.mark.parametrize("name", ["src_unknown", "src_\x01", "я" * 300])
def test_unknown_source_is_refused(source: CallSource, name: str) -> None:
    body = json.dumps(factories.v3_record()).encode()

    answer = Client().post(
        "/api/v1/calls",
        body,
        content_type="application/json",
        query_params={"source": name},
        headers=signed_headers(body, webhook_id=new_webhook_id()),
    )

    assert_refused(answer, 401, "unknown_source")


def test_inactive_source_is_refused(source: CallSource) -> None:
    CallSource.objects.update(is_active=False)

    assert_refused(post_calls(factories.v3_record(), source=source), 401, "unknown_source")


def test_wrong_signature_is_refused_before_anything_is_parsed(source: CallSource) -> None:
    answer = post_calls(b"not json at all", source=source, secret=OTHER_SECRET)

    assert_refused(answer, 401, "bad_signature")
    assert answer.headers["WWW-Authenticate"] == 'Webhook-Signature realm="calls"'


def test_secret_of_another_source_is_refused(source: CallSource) -> None:
    factories.make_source(cabinet=factories.make_cabinet(name="Другой"), secret=OTHER_SECRET)

    answer = post_calls(factories.v3_record(), source=source, secret=OTHER_SECRET)

    assert_refused(answer, 401, "bad_signature")


@pytest.mark.parametrize("age", [timedelta(seconds=302), timedelta(seconds=-302)])
def test_old_or_early_timestamp_is_refused(source: CallSource, age: timedelta) -> None:
    answer = post_calls(factories.v3_record(), source=source, age=age)

    assert_refused(answer, 401, "stale_timestamp")


def test_unsigned_request_is_refused(source: CallSource) -> None:
    answer = post_body(b"{}", headers={"X-CallKeeper-Source": source.public_id})

    assert_refused(answer, 401, "missing_headers")


def test_both_secrets_work_during_a_rotation(source: CallSource) -> None:
    new = str(rotate_secret(source=source))

    assert post_calls(factories.v3_record(), source=source).status_code == 202
    assert post_calls(factories.v3_record(), source=source, secret=new).status_code == 202

    retire_old_secret(source=source)

    assert post_calls(factories.v3_record(), source=source).status_code == 401
    assert post_calls(factories.v3_record(), source=source, secret=new).status_code == 202


def test_source_without_a_secret_is_refused(source: CallSource) -> None:
    SigningSecret.objects.all().delete()

    assert_refused(post_calls(factories.v3_record(), source=source), 401, "unknown_source")


def test_sender_needs_no_csrf_token_and_no_login(source: CallSource) -> None:
    body = json.dumps(factories.v3_record()).encode()

    answer = Client(enforce_csrf_checks=True).post(
        "/api/v1/calls",
        body,
        content_type="application/json",
        headers=signed_headers(body, webhook_id=new_webhook_id()),
    )

    assert answer.status_code == 202
    assert not answer.cookies


def test_time_of_last_use_is_stored(source: CallSource) -> None:
    post_calls(factories.v3_record(), source=source)

    source.refresh_from_db()
    assert source.last_used_at is not None
    assert timezone.now() - source.last_used_at < timedelta(minutes=1)


def test_refused_request_is_not_a_use(source: CallSource) -> None:
    post_calls(factories.v3_record(), source=source, secret=OTHER_SECRET)

    source.refresh_from_db()
    assert source.last_used_at is None


def test_calls_are_stored_in_the_cabinet_of_their_source(
    source: CallSource, cabinet: Cabinet
) -> None:
    factories.make_source(cabinet=factories.make_cabinet(name="Другой"), secret=OTHER_SECRET)

    post_calls(factories.v3_record(cabinet="Другой", cabinet_id=1), source=source)

    assert list(Call.objects.values_list("cabinet_id", flat=True)) == [cabinet.pk]
