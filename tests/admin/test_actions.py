"""Actions of the admin: they do what the buttons of the cabinet do, and are audited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet, CallSource, SigningSecret
from calls.models import (
    Delivery,
    Resend,
)
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from integrations.models import (
    YandexAccount,
)
from tests import factories
from tests.admin.every_model import admin_url
from tests.calls.ledger import make_upload
from tests.calls.stored import store_call


def act(support_client: Client, action: str, *objects: Model) -> None:
    chosen = [str(one.pk) for one in objects]
    url = admin_url(type(objects[0]), "changelist")
    answer = support_client.post(url, {"action": action, "_selected_action": chosen})
    assert answer.status_code == 302


def test_switching_a_counter_off_is_written_to_the_audit_log(
    support_client: Client, counter: Counter, support: User
) -> None:
    act(support_client, "switch_off", counter)

    counter.refresh_from_db()
    assert counter.enabled is False
    assert AuditEvent.objects.get(action="counter.switched").actor == support


def test_account_is_marked_for_reconnection_and_disconnected(
    support_client: Client, support: User, account: YandexAccount
) -> None:
    act(support_client, "require_reconnection", account)
    account.refresh_from_db()
    assert account.state == YandexAccount.State.REAUTH_REQUIRED

    YandexAccount.objects.filter(pk=account.pk).update(access_token="")
    act(support_client, "disconnect", account)
    account.refresh_from_db()
    assert account.state == YandexAccount.State.DISCONNECTED
    assert [(event.action, event.actor) for event in AuditEvent.objects.order_by("pk")] == [
        ("account.reauth_required", support),
        ("account.disconnect", support),
    ]


def test_only_certainly_refused_uploads_are_retried(
    support_client: Client, counter: Counter
) -> None:
    wrong: dict[str, Any] = {"state": UploadState.NEEDS_ATTENTION}
    refused = make_upload(counter=counter, attention=Attention.REJECTED, uploading_id=None, **wrong)
    doubled = make_upload(counter=counter, attention=Attention.DUPLICATE, **wrong)

    act(support_client, "retry", refused, doubled)

    refused.refresh_from_db()
    doubled.refresh_from_db()
    assert refused.state == UploadState.LATER
    assert doubled.state == UploadState.NEEDS_ATTENTION


def test_lookup_and_poll_are_scheduled_for_now(support_client: Client, counter: Counter) -> None:
    later = timezone.now() + timedelta(hours=2)
    unclear = make_upload(
        counter=counter, state=UploadState.UNCLEAR, uploading_id=None, looked_up_at=later
    )
    sent = make_upload(counter=counter, next_poll_at=later)

    act(support_client, "look_up", unclear)
    act(support_client, "poll", sent)

    unclear.refresh_from_db()
    sent.refresh_from_db()
    assert unclear.looked_up_at is None
    assert sent.next_poll_at is not None
    assert sent.next_poll_at < later


def test_older_secret_of_a_source_is_retired(support_client: Client, source: CallSource) -> None:
    SigningSecret.objects.create(source=source, slot=2, secret="whsec_bmV3")

    act(support_client, "retire_old_secret", source)

    assert [one.slot for one in source.signing_secrets.all()] == [2]


def test_new_secret_is_shown_once(support_client: Client, source: CallSource) -> None:
    url = admin_url(CallSource, "changelist")
    form = {"action": "rotate_secret", "_selected_action": [str(source.pk)]}

    shown = support_client.post(url, form)
    again = support_client.post(url, form, follow=True)

    secret = str(source.signing_secrets.get(slot=2).secret)
    assert shown.status_code == 200
    assert secret in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert "сначала отключите старый" in again.content.decode()
    assert secret not in again.content.decode()
    assert source.signing_secrets.count() == 2
    assert AuditEvent.objects.get().action == "source.secret_rotated"


def test_secret_is_rotated_for_one_source_at_a_time(
    support_client: Client, source: CallSource
) -> None:
    other = factories.make_source(cabinet=source.cabinet)

    act(support_client, "rotate_secret", source, other)

    assert SigningSecret.objects.count() == 2


def test_saved_form_is_written_to_the_audit_log(
    support_client: Client, cabinet: Cabinet, support: User
) -> None:
    url = admin_url(Cabinet, "change", cabinet.pk)

    support_client.post(url, {"name": "Новое имя", "time_zone": "Asia/Omsk"})

    event = AuditEvent.objects.get(action="admin.changed")
    assert event.actor == support
    assert event.before == {"name": "Окна Столица", "time_zone": "Europe/Moscow"}
    assert event.after == {"name": "Новое имя", "time_zone": "Asia/Omsk"}


def test_call_is_sent_again_after_a_warning_and_once(
    support_client: Client, counter: Counter
) -> None:
    call = store_call(cabinet=counter.cabinet)
    upload = make_upload(counter=counter)
    Delivery.objects.filter(call_id=call.pk, channel=1).update(
        state=DeliveryState.BATCHED, upload=upload, row_number=1, call_revision=1
    )
    row = Delivery.objects.get(call_id=call.pk, channel=1)
    url = admin_url(Delivery, "changelist")
    press = {"action": "send_again", "_selected_action": [str(row.pk)]}

    question = support_client.post(url, press).content.decode()
    support_client.post(url, press | {"number": "1"})
    support_client.post(url, press | {"number": "1"})

    assert "посчитать ещё одним звонком" in question
    assert Resend.objects.get().number == 1


def test_waiting_delivery_is_called_off_and_released(
    support_client: Client, counter: Counter
) -> None:
    call = store_call(cabinet=counter.cabinet)
    row = Delivery.objects.get(call_id=call.pk, channel=1)

    act(support_client, "call_off", row)
    row.refresh_from_db()
    called_off = (row.state, row.reason)
    act(support_client, "release", row)
    row.refresh_from_db()

    assert called_off == (DeliveryState.SKIPPED, "called_off")
    assert (row.state, row.reason) == (DeliveryState.WAITING, None)


def test_only_uploads_that_have_not_arrived_are_called_off(
    support_client: Client, counter: Counter
) -> None:
    ready = make_upload(counter=counter, state=UploadState.READY, uploading_id=None)
    sent = make_upload(counter=counter)

    act(support_client, "call_off", ready, sent)

    ready.refresh_from_db()
    sent.refresh_from_db()
    assert (ready.state, sent.state) == (UploadState.CANCELLED, UploadState.SENT)


def test_waiting_call_cannot_be_sent_again(support_client: Client, counter: Counter) -> None:
    call = store_call(cabinet=counter.cabinet)
    row = Delivery.objects.get(call_id=call.pk, channel=1)
    form = {"action": "send_again", "_selected_action": [str(row.pk)]}

    page = support_client.post(admin_url(Delivery, "changelist"), form).content.decode()

    assert "уйдёт сам: повторять нечего" in page
    assert 'name="number"' not in page
