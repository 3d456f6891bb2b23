"""Eight parallel presses of one button have one effect and write one row of the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent, Membership, SigningSecret
from calls.models import Backfill, BackfillState, UnknownLogRow, Upload
from calls.states import Attention, DeliveryState, HoldBack, UploadState
from counters.models import Counter
from notices import endpoints
from notices.models import NoticeWebhook
from tests import factories
from tests.calls.ingest.test_store_races import concurrently
from tests.calls.ledger import make_backfill, make_call, make_delivery, make_upload
from tests.counters.settings_form import posted
from tests.integrations.conftest import yandex_id as yandex_id
from tests.integrations.yandex_id import YandexId
from tests.notices.notices import make_pause

PRESSES = 8
LATER = timedelta(hours=2)
Press = tuple[str, dict[str, Any]]


def _of_delivery(name: str, counter: Counter, **fields: Any) -> Press:
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter, **fields)
    return reverse(f"calls:{name}", args=[call.pk, counter.pk, 1]), {}


def _of_upload(name: str, counter: Counter, **fields: Any) -> Press:
    upload: Upload = make_upload(counter=counter, **fields)
    return reverse(f"calls:{name}", args=[upload.pk]), {}


def release(counter: Counter) -> Press:
    return _of_delivery("release", counter, not_before=timezone.now() + LATER)


def call_off(counter: Counter) -> Press:
    return _of_delivery("call-off", counter)


def look_up(counter: Counter) -> Press:
    fields = {"state": UploadState.UNCLEAR, "uploading_id": None, "looked_up_at": timezone.now()}
    return _of_upload("upload-look-up", counter, **fields)


def poll(counter: Counter) -> Press:
    return _of_upload("upload-poll", counter, next_poll_at=timezone.now() + LATER)


def retry(counter: Counter) -> Press:
    state = {"state": UploadState.NEEDS_ATTENTION, "attention": Attention.REJECTED}
    return _of_upload("upload-retry", counter, uploading_id=None, **state)


def call_off_upload(counter: Counter) -> Press:
    return _of_upload("upload-call-off", counter, state=UploadState.READY, uploading_id=None)


def switch_counter(counter: Counter) -> Press:
    return reverse("counters:switch", args=[counter.pk]), {"enabled": "0"}


def remove_counter(counter: Counter) -> Press:
    return reverse("counters:delete", args=[counter.pk]), {}


def switch_source(counter: Counter) -> Press:
    source = factories.make_source(cabinet=counter.cabinet)
    return reverse("cabinets:source-switch", args=[source.pk]), {"enabled": "0"}


def retire_secret(counter: Counter) -> Press:
    source = factories.make_source(cabinet=counter.cabinet)
    secret = SigningSecret.objects.create(source=source, slot=2, secret=factories.SECRET)
    return reverse("cabinets:source-retire", args=[source.pk, secret.pk]), {}


def invite_person(counter: Counter) -> Press:
    return reverse("cabinets:person-invite"), {"role": "viewer", "email": "", "days": "7"}


def _of_viewer(name: str, counter: Counter) -> str:
    viewer = factories.make_member(cabinet=counter.cabinet, role=Membership.Role.VIEWER)
    return reverse(f"cabinets:person-{name}", args=[viewer.cabinet_memberships.get().pk])


def change_role(counter: Counter) -> Press:
    return _of_viewer("role", counter), {"role": "manager"}


def remove_person(counter: Counter) -> Press:
    return _of_viewer("remove", counter), {}


def revoke_invitation(counter: Counter) -> Press:
    owner = counter.cabinet.memberships.filter(role="owner")[0].user
    made = factories.make_invitation(cabinet=counter.cabinet, invited_by=owner)
    return reverse("cabinets:invitation-revoke", args=[made.pk]), {}


def resend(counter: Counter) -> Press:
    upload = make_upload(counter=counter, state=UploadState.PROCESSED)
    url, _form = _of_delivery("send-again", counter, upload=upload)
    return url, {"number": "1"}


def approve_unlinked(counter: Counter) -> Press:
    skipped = {"state": DeliveryState.SKIPPED, "reason": "identifier_unreadable"}
    compared = ["ClientId", "1,71803E+18", True]
    return _of_delivery("send-unlinked", counter, compared=compared, **skipped)


def send_call(counter: Counter) -> Press:
    call = make_call(cabinet=counter.cabinet, hold_back=HoldBack.TRIAL)
    return reverse("calls:send", args=[call.pk, counter.pk]), {}


def start_backfill(counter: Counter) -> Press:
    Backfill.objects.open().update(state=BackfillState.DROPPED)
    one = make_backfill(counter=counter)
    return reverse("calls:backfill-start", args=[one.pk]), {}


def stop_backfill(counter: Counter) -> Press:
    Backfill.objects.open().update(state=BackfillState.DROPPED)
    one = make_backfill(counter=counter, state=BackfillState.SENDING)
    return reverse("calls:backfill-stop", args=[one.pk]), {}


def gather_again(counter: Counter) -> Press:
    state: dict[str, Any] = {"state": UploadState.NEEDS_ATTENTION, "attention": Attention.REJECTED}
    upload = make_upload(counter=counter, uploading_id=None, **state)
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, upload=upload)
    return reverse("calls:upload-gather-again", args=[upload.pk]), {}


def save_settings(counter: Counter) -> Press:
    factories.make_goal(counter=counter)
    form = posted(counter, min_duration="77")
    return reverse("counters:settings", args=[counter.pk]), form


def disconnect(counter: Counter) -> Press:
    account = factories.make_account(cabinet=counter.cabinet)
    return reverse("integrations:account-disconnect", args=[account.pk]), {}


def add_source(counter: Counter) -> Press:
    form = {"name": "Ещё один источник", "time_zone": "Europe/Moscow", "region": "RU"}
    return reverse("cabinets:source-add"), form


def change_source(counter: Counter) -> Press:
    source = factories.make_source(cabinet=counter.cabinet)
    form = {"name": "Другое имя", "time_zone": "Europe/Moscow", "region": "RU"}
    return reverse("cabinets:source-change", args=[source.pk]), form


def rotate_secret(counter: Counter) -> Press:
    source = factories.make_source(cabinet=counter.cabinet)
    return reverse("cabinets:source-rotate", args=[source.pk]), {}


def _of_pull(name: str, counter: Counter) -> str:
    source = factories.make_source(cabinet=counter.cabinet, kind="pull")
    return reverse(f"calls:source-pull-{name}", args=[factories.make_pull(source=source).pk])


def pull_now(counter: Counter) -> Press:
    return _of_pull("now", counter), {}


def switch_pull(counter: Counter) -> Press:
    return _of_pull("switch", counter), {"enabled": "0"}


def change_pull_key(counter: Counter) -> Press:
    return _of_pull("key", counter), {"api_key": "anotherkey000000"}


def save_mapping(counter: Counter) -> Press:
    source, _path = factories.make_hooks(cabinet=counter.cabinet)
    fields = {"chosen": "1", "version": "0", "field-callTime": "a", "field-clientNumber": "b"}
    return reverse("calls:source-mapping-save", args=[source.pk]), fields


def replay_rejected(counter: Counter) -> Press:
    source = factories.make_source(cabinet=counter.cabinet)
    factories.make_rejected(source=source, record=factories.v3_record())
    return reverse("calls:source-replay", args=[source.pk]), {}


def _of_import(name: str, counter: Counter, **fields: Any) -> str:
    source = factories.make_source(cabinet=counter.cabinet, kind="file")
    one = factories.make_import(source=source, **fields)
    return reverse(f"calls:import-{name}", args=[source.pk, one.pk])


def start_import(counter: Counter) -> Press:
    return _of_import("start", counter, state="checked", valid=1, rows_total=1), {"send": "1"}


def check_import(counter: Counter) -> Press:
    return _of_import("check", counter, state="checked", rows_total=0, header=["a"]), {"preset": ""}


def cancel_import(counter: Counter) -> Press:
    return _of_import("cancel", counter), {}


def stop_bulk(counter: Counter) -> Press:
    action = factories.make_bulk(counter=counter)
    return reverse("calls:bulk-stop", args=[counter.pk, action.pk]), {}


def save_webhook(counter: Counter) -> Press:
    return reverse("notices:webhook"), {"url": "https://93.184.216.34/hook"}


def read_report(counter: Counter) -> Press:
    return reverse("calls:reports-read", args=[counter.pk]), {}


def rotate_webhook(counter: Counter) -> Press:
    webhook = NoticeWebhook.objects.get(cabinet=counter.cabinet)
    return reverse("notices:webhook-rotate"), {"mark": endpoints.mark_of(webhook)}


def order_proof(counter: Counter) -> Press:
    _proved_row(counter)
    return reverse("calls:proof-order", args=[counter.pk]), {}


def see_unknown_rows(counter: Counter) -> Press:
    row = _proved_row(counter)
    return reverse("calls:proof-seen", args=[counter.pk]), {"row": row.pk}


def _proved_row(counter: Counter) -> UnknownLogRow:
    """Return a row in Metrika that was not sent; the counter has a sent call of yesterday."""
    yesterday = timezone.now() - timedelta(days=1, hours=1)
    Counter.objects.filter(pk=counter.pk).update(link_proof=True)
    upload = make_upload(counter=counter, accepted_at=yesterday)
    call = make_call(cabinet=counter.cabinet, started_at=yesterday)
    make_delivery(call=call, counter=counter, upload=upload)
    return UnknownLogRow.objects.create(
        counter=counter,
        upload=upload,
        uploading_id=upload.uploading_id or 0,
        kind="doubled",
        moment=yesterday,
        fingerprint="0",
        count=1,
        found_at=yesterday,
    )


def add_pause(counter: Counter) -> Press:
    today = timezone.localdate(timezone=counter.cabinet.zone).isoformat()
    form = {"counter": counter.pk, "first_day": today, "last_day": today, "note": "праздник"}
    return reverse("notices:pause-add"), form


def end_pause(counter: Counter) -> Press:
    pause = make_pause(cabinet=counter.cabinet)
    return reverse("notices:pause-end", args=[pause.pk]), {}


def remove_webhook(counter: Counter) -> Press:
    return reverse("notices:webhook-remove"), {}


PREPARED: list[Callable[[Counter], Press]] = [
    *(release, call_off, look_up, poll, retry, call_off_upload),
    *(switch_counter, remove_counter, switch_source, retire_secret),
    *(resend, approve_unlinked, send_call, gather_again, save_settings, disconnect),
    *(start_backfill, stop_backfill),
    *(add_source, change_source, rotate_secret, pull_now, switch_pull, change_pull_key),
    *(start_import, check_import, cancel_import),
    *(invite_person, change_role, remove_person, revoke_invitation),
    save_mapping,
    replay_rejected,
    stop_bulk,
    read_report,
    *(order_proof, see_unknown_rows),
    *(save_webhook, rotate_webhook, remove_webhook),
    *(add_pause, end_pause),
]
#: The second press is told on the page (200), or that there are two secrets already (409).
SEEN = {200, 302, 303, 404, 409}


@pytest.mark.django_db(transaction=True)
def test_eight_presses_are_one_event(owner: User, counter: Counter, yandex_id: YandexId) -> None:
    yandex_id.revokes()
    seen = {}
    for prepare in PREPARED:
        one = factories.make_counter(account=counter.account)
        url, form = prepare(one)
        clients = [Client() for _number in range(PRESSES)]
        for client in clients:
            client.force_login(owner)
        # What a worker does after it has no actor.
        events = AuditEvent.objects.filter(actor=owner)
        before = events.count()

        answers = concurrently([partial(client.post, url, form) for client in clients])
        statuses = {answer.status_code for answer in answers}

        seen[prepare.__name__] = (events.count() - before, statuses <= SEEN)

    assert seen == {prepare.__name__: (1, True) for prepare in PREPARED}
