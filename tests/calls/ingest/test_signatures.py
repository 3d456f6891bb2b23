"""The signature of Standard Webhooks, against an independent signer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from calls.ingest.openapi import examples as vector
from calls.ingest.signatures import SignatureRefused, is_signed_by, read_envelope, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_cm90YXRlZC1zZWNyZXQtb2YtMjQtYnl0ZXM="
NOW = 1_795_418_430
BODY = '{"universalId":"1","tags":["Балкон"]}'.encode()


def headers(**changes: str) -> dict[str, str]:
    signature = Webhook(SECRET).sign("msg_1", datetime.fromtimestamp(NOW, UTC), BODY.decode())
    values = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(NOW),
        "webhook-signature": signature,
    }
    return values | {name.replace("_", "-"): value for name, value in changes.items()}


def test_signature_of_an_independent_signer_is_accepted() -> None:
    envelope = read_envelope(headers(), now=NOW)

    assert is_signed_by(envelope, BODY, [SECRET])


def test_published_vector_equals_an_independent_signature() -> None:
    moment = datetime.fromtimestamp(int(vector.VECTOR_TIMESTAMP), UTC)

    signature = Webhook(vector.VECTOR_SECRET).sign(vector.VECTOR_ID, moment, vector.VECTOR_BODY)

    assert signature == vector.VECTOR_SIGNATURE
    assert (
        sign(
            vector.VECTOR_SECRET,
            vector.VECTOR_ID,
            vector.VECTOR_TIMESTAMP,
            vector.VECTOR_BODY.encode(),
        )
        == vector.VECTOR_SIGNATURE
    )


@pytest.mark.contract("D3")
def test_each_of_two_live_secrets_is_accepted() -> None:
    envelope = read_envelope(headers(), now=NOW)

    assert is_signed_by(envelope, BODY, [OTHER_SECRET, SECRET])


def test_one_of_several_signatures_is_enough() -> None:
    signature = headers()["webhook-signature"]
    several = read_envelope(headers(webhook_signature=f"v1a,xyz v1,bm8= {signature}"), now=NOW)

    assert is_signed_by(several, BODY, [SECRET])


@pytest.mark.contract("D3")
@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, BODY + b" "),
        ({"webhook_id": "msg_2"}, BODY),
        ({"webhook_timestamp": str(NOW + 1)}, BODY),
        ({"webhook_signature": "v1,"}, BODY),
        ({"webhook_signature": "v1,bm8="}, BODY),
    ],
    ids=["body", "id", "timestamp", "empty", "wrong"],
)
def test_any_changed_part_is_refused(changes: dict[str, str], body: bytes) -> None:
    envelope = read_envelope(headers(**changes), now=NOW)

    assert not is_signed_by(envelope, body, [SECRET])


def test_signature_without_its_version_is_refused() -> None:
    bare = headers()["webhook-signature"].removeprefix("v1,")

    assert not is_signed_by(read_envelope(headers(webhook_signature=bare), now=NOW), BODY, [SECRET])


def test_signature_of_another_secret_is_refused() -> None:
    envelope = read_envelope(headers(), now=NOW)

    assert not is_signed_by(envelope, BODY, [OTHER_SECRET])
    assert not is_signed_by(envelope, BODY, ["whsec_это не base64"])
    assert not is_signed_by(envelope, BODY, [])


@pytest.mark.parametrize("shift", [-300, 0, 300])
def test_timestamp_within_five_minutes_is_fresh(shift: int) -> None:
    assert read_envelope(headers(), now=NOW + shift).webhook_id == "msg_1"


@pytest.mark.parametrize(
    ("timestamp", "now", "code", "given"),
    [
        (str(NOW), NOW + 301, "stale_timestamp", 301),
        (str(NOW), NOW - 301, "stale_timestamp", -301),
        ("2026-11-23T10:20:30Z", NOW, "bad_timestamp", "2026-11-23T10:20:30Z"),
        (f"{NOW}.5", NOW, "bad_timestamp", f"{NOW}.5"),
        (f"{NOW}000", NOW, "bad_timestamp", f"{NOW}000"),
        ("-1", NOW, "bad_timestamp", "-1"),
        ("٣" * 10, NOW, "bad_timestamp", "٣" * 10),
        ("9" * 40, NOW, "bad_timestamp", "9" * 40),
    ],
)
def test_stale_or_unreadable_timestamp_is_refused(
    timestamp: str, now: int, code: str, given: object
) -> None:
    with pytest.raises(SignatureRefused) as refused:
        read_envelope(headers(webhook_timestamp=timestamp), now=now)

    assert (refused.value.code, refused.value.given) == (code, given)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_missing_header_is_refused(name: str, value: str | None) -> None:
    given = headers()
    del given[name]
    if value is not None:
        given[name] = value

    with pytest.raises(SignatureRefused) as refused:
        read_envelope(given, now=NOW)

    assert (refused.value.code, refused.value.given) == ("missing_headers", name)


@pytest.mark.parametrize("webhook_id", ["m" * 256, "msg\x001"])
def test_webhook_id_that_cannot_be_stored_is_refused(webhook_id: str) -> None:
    with pytest.raises(SignatureRefused) as refused:
        read_envelope(headers(webhook_id=webhook_id), now=NOW)

    assert refused.value.code == "bad_webhook_id"
