"""One row of every model, and the URLs of their admin pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from cabinets import addresses, audit
from cabinets.models import (
    Cabinet,
    CallSource,
    Membership,
    SecretAddress,
    SigningSecret,
)
from calls.models import (
    Call,
    CallKey,
    CallSummary,
    ChartNote,
    DeliveryDay,
    DeliveryDelay,
    DeliverySummary,
    Difference,
    EmptyField,
    Freshness,
    IngestReceipt,
    Intake,
    LedgerExportPiece,
    LinkProof,
    ListUse,
    LogHit,
    LogRequest,
    LogSentRow,
    MetrikaReport,
    MetrikaReportDay,
    MovedDelay,
    ReceivedRequest,
    Reconciliation,
    Redecision,
    RejectedRecord,
    Resend,
    RestoreRun,
    SavedFilter,
    SendOrder,
    SentBefore,
    SourceMapping,
    StreamUse,
    SummaryHour,
    SummaryMark,
    SummaryZone,
    UnknownFile,
    UnknownLogRow,
    UnlinkedApproval,
    UploadAttempt,
    UploadFile,
    UploadPiece,
    WatchedHour,
    Way,
)
from counters.models import Counter
from doctor.models import Examination, ExaminationStep
from integrations.models import (
    Installation,
    LinkAttempt,
    MetrikaClock,
    RequestDay,
    RequestOutcome,
    RequestSecond,
    RequestSlot,
    YandexAccount,
    YandexOutage,
)
from notices.models import (
    AlertPause,
    Baseline,
    NoticeChoice,
    NoticeLine,
    NoticeMessage,
    NoticeWebhook,
    TelegramLink,
)
from tests import factories
from tests.calls.ledger import make_backfill, make_call, make_delivery, make_upload
from tests.notices.notices import make_notice

APPS = ("cabinets", "integrations", "counters", "calls", "notices", "doctor")
MODELS = sorted(
    (model for model in admin.site._registry if model._meta.app_label in APPS),
    key=lambda model: model._meta.label,
)
CODE_VERIFIER = "verifier-which-nobody-may-read"
RECORD = '{"note": "record-which-nobody-may-read"}'
CLIENT_ID = "1718031415926535897"
BODY = b"ClientId,Tag\n1,bytes-which-nobody-may-read\n"

CreateAll = Callable[[], dict[str, Model]]


def admin_url(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def list_url(model: type[Model]) -> str:
    """Return the URL of the list, with rows of any age."""
    list_filter = admin.site._registry[model].list_filter
    parameters = {getattr(one, "parameter_name", "") for one in list_filter}
    return admin_url(model, "changelist") + ("?age=all" if "age" in parameters else "")


def create_one_of_each(*, cabinet: Cabinet, source: CallSource, actor: User) -> dict[str, Model]:
    """Create one row of every model, by label; may be called again for more rows."""
    number = UploadFile.objects.count()
    account = factories.make_account(cabinet=cabinet)
    counter = factories.make_counter(account=account)
    call = make_call(cabinet=cabinet)
    rows = [
        *_cabinets(cabinet, account, actor),
        account,
        *_integrations(cabinet, actor, number),
        counter,
        factories.make_goal(counter=counter),
        factories.make_template(cabinet=cabinet),
        factories.make_bulk(counter=counter),
        call,
        CallKey.objects.get(pk=call.pk),
        *_delivery(call, counter),
        *_ledger(cabinet, actor, number),
        *_proof(call, counter),
        *_reconciliation(counter),
        *_watched(source, number),
        IngestReceipt.objects.create(
            source=source,
            webhook_id=f"msg_{number}",
            body_hash="0",
            answer={},
            received_at=timezone.now(),
        ),
        *_intake(source, number),
        factories.make_pull(source=factories.make_source(cabinet=cabinet, kind="pull")),
        *_imports(source),
        *_notices(cabinet),
        *_examination(counter),
    ]
    return {row._meta.label: row for row in rows}


def _cabinets(cabinet: Cabinet, account: YandexAccount, actor: User) -> Iterator[Model]:
    yield cabinet
    yield factories.make_source(cabinet=cabinet)
    yield SigningSecret.objects.order_by("-pk")[0]
    hooks = factories.make_source(cabinet=cabinet)
    addresses.add_address(source=hooks)
    yield SecretAddress.objects.order_by("-pk")[0]
    yield Membership.objects.create(
        cabinet=cabinet, user=factories.make_user(), role=Membership.Role.VIEWER
    )
    yield factories.make_invitation(cabinet=cabinet, invited_by=actor)
    yield audit.log_change(cabinet=cabinet, actor=actor, action="test.created", subject=account)


def _examination(counter: Counter) -> Iterator[Model]:
    cabinet = factories.make_cabinet()
    examination = Examination.objects.create(cabinet=cabinet, requested_at=timezone.now())
    yield examination
    yield ExaminationStep.objects.create(
        examination=examination, account=counter.account, counter=counter
    )


def _notices(cabinet: Cabinet) -> Iterator[Model]:
    now, user = timezone.now(), factories.make_member(cabinet=cabinet)
    notice = make_notice(cabinet=cabinet, subject=f"account:{user.pk}")
    yield notice
    message = NoticeMessage.objects.create(
        cabinet=cabinet, user=user, medium="email", created_at=now, not_before=now
    )
    yield message
    yield NoticeLine.objects.create(message=message, notice=notice, event="opened")
    yield NoticeChoice.objects.create(membership=user.cabinet_memberships.get())
    yield TelegramLink.objects.create(user=user, chat_id=user.pk)
    yield Baseline.objects.create(
        cabinet=cabinet, kind="inflow_low", subject_id=user.pk, counted_at=timezone.now()
    )
    yield AlertPause.objects.create(
        cabinet=cabinet, first_day=now, last_day=now, note="праздники", created_at=now
    )
    yield NoticeWebhook.objects.create(
        cabinet=factories.make_cabinet(),
        url="https://crm.example/x",
        secret=factories.SECRET,
        created_at=now,
    )


def _imports(source: CallSource) -> Iterator[Model]:
    made = factories.make_import(source=source, data=BODY, preview=RECORD)
    yield made
    yield made.pieces.get()
    yield made.errors.get()


def _intake(source: CallSource, number: int) -> Iterator[Model]:
    now = timezone.now()
    yield Intake.objects.create(
        source=source,
        way=Way.API,
        at=now,
        received=1,
        created=1,
        updated=0,
        duplicate=0,
        rejected=0,
    )
    yield RejectedRecord.objects.create(
        source=source,
        way=Way.API,
        digest=str(number),
        first_at=now,
        last_at=now,
        code="missing_field",
        message="…",
        raw=RECORD,
    )
    yield ReceivedRequest.objects.create(
        source=source, at=now, method="POST", record=RECORD, records=1, accepted=1
    )
    yield SourceMapping.objects.update_or_create(
        source=factories.make_source(cabinet=source.cabinet),
        defaults={"fields": {"callTime": "date"}, "saved_at": now},
    )[0]


def _integrations(cabinet: Cabinet, actor: User, number: int) -> Iterator[Model]:
    now = timezone.now()
    yield LinkAttempt.objects.create(
        state_digest=f"state{number}",
        session_digest="session",
        user=actor,
        cabinet=cabinet,
        mode=LinkAttempt.Mode.ADD,
        code_verifier=CODE_VERIFIER,
        device_id="device",
        authorisation_server="https://oauth.yandex.ru",
        created_at=now,
    )
    yield RequestDay.objects.create(yandex_uid=str(number), day=now.date())
    yield RequestSlot.objects.create(yandex_uid=str(number), number=0)
    yield RequestSecond.objects.create(second=number)
    yield RequestOutcome.objects.create(minute=now, yandex_uid=str(number))
    yield YandexOutage.objects.create(outcome=f"Unreachable{number}", began_at=now)
    yield Freshness.objects.create(day_calls=number, counted_at=now)
    yield MetrikaClock.objects.create(pk=number, ahead_seconds=60, changed_at=now)
    yield Installation.objects.get_or_create(pk=number)[0]


def _watched(source: CallSource, number: int) -> Iterator[Model]:
    now = timezone.now()
    of_hour = {"cabinet": source.cabinet, "hour": now}
    yield SummaryMark.objects.create(**of_hour)
    yield SummaryHour.objects.create(**of_hour, valid_until=now)
    sums = {"missed": 0, "talk_seconds": 1, "with_hold": 0, "hold_seconds": 0}
    yield CallSummary.objects.create(
        **of_hour, **sums, kind="dynamic", calls=1, unique_calls=0, target_calls=0, unrouted=0
    )
    rows = sums | {
        "counter": source.cabinet.counters.latest("pk"),
        "channel": 1,
        "kind": "dynamic",
        "state": 1,
        "shown": "waiting",
        "deliveries": 1,
        "link_told": 0,
        "linked": 0,
    }
    with connection.cursor() as cursor:
        # Whoever stores hours without it forgets the zones of days.
        cursor.execute("SET LOCAL calls.counts_days = 'yes'")
    yield DeliverySummary.objects.create(**of_hour, **rows)
    yield DeliveryDay.objects.create(cabinet=source.cabinet, day=now.date(), **rows)
    other = Cabinet.objects.create(name=f"Zone {number}")
    yield SummaryZone.objects.create(cabinet=other, zone=other.time_zone)
    yield WatchedHour.objects.create(
        source=source, hour=now, first_call=1, last_call=2, calls=2, filled={"yaClid": 1}
    )
    yield EmptyField.objects.create(
        source=source,
        field=f"field{number}",
        since=now,
        counted_at=now,
        calls=30,
        empty=25,
        calls_before=30,
        empty_before=1,
    )


def _delivery(call: Call, counter: Counter) -> Iterator[Model]:
    now = timezone.now()
    upload = make_upload(counter=counter, body=BODY)
    yield upload
    yield DeliveryDelay.objects.create(counter=counter, hour=now, bucket=upload.pk % 90, calls=1)
    yield MovedDelay.objects.create(
        counter=counter, hour=now, bucket=upload.pk % 90, moved_in=now, calls=1
    )
    yield UploadFile.objects.get(pk=upload.pk)
    yield UploadPiece.objects.get(file=upload.pk)
    yield UploadAttempt.objects.create(upload=upload, number=1, started_at=now)
    yield Redecision.objects.create(counter=counter, requested_at=now, total=2000, done=500)
    yield ListUse.objects.create(counter=counter, channel=1, asked_at=now)
    yield UnknownFile.objects.create(
        counter=counter, channel=1, marker=f"ck{upload.pk:032x}", uploading_ids=[7], found_at=now
    )
    yield SentBefore.objects.create(
        counter=counter,
        channel=1,
        call_key=f"{upload.pk:032x}",
        call_revision=1,
        upload=upload,
        row_number=2,
    )
    yield RestoreRun.objects.create(started_at=now, cause="behind", mark_at=now)
    yield StreamUse.objects.create(
        counter=counter, channel=1, id_kind=1, is_static=False, built_at=now
    )
    yield make_delivery(call=call, counter=counter, upload=upload)
    yield UnlinkedApproval.objects.create(call=call, counter=counter, approved_at=now)
    backfill = make_backfill(counter=counter, state="done")
    yield backfill
    yield backfill.counters.get()
    yield SendOrder.objects.create(call=call, counter=counter, ordered_at=now)
    extra = make_upload(counter=counter)
    yield Resend.objects.create(
        call=call, counter=counter, channel=1, number=1, upload=extra, ordered_at=now
    )


def _ledger(cabinet: Cabinet, actor: User, number: int) -> Iterator[Model]:
    yield SavedFilter.objects.create(
        cabinet=cabinet, user=actor, name=f"{number}", parameters={}, created_at=timezone.now()
    )
    export = factories.make_export(cabinet=cabinet, requested_by=actor, state="done")
    yield export
    yield LedgerExportPiece.objects.create(export=export, number=0, data=BODY)


def _proof(call: Call, counter: Counter) -> Iterator[Model]:
    now, upload = timezone.now(), make_upload(counter=counter)
    yield LinkProof.objects.create(
        upload=upload,
        row_number=1,
        call=call,
        partition_at=call.partition_at,
        cabinet=counter.cabinet,
        counter=counter,
        channel=1,
        result=1,
        proved_at=now,
    )
    request = LogRequest.objects.create(
        counter=counter, date1=now.date(), date2=now.date(), requested_at=now, next_at=now
    )
    yield request
    known = {"request": request, "moment": "2026-11-01 12:00:00", "client_id": CLIENT_ID}
    yield LogHit.objects.create(**known, part=0, line=1, uploading_id=7, visit_id="8")
    yield LogSentRow.objects.create(**known, upload=upload, row_number=1)
    yield UnknownLogRow.objects.create(
        counter=counter,
        upload=upload,
        uploading_id=7,
        kind="foreign",
        moment=now,
        fingerprint="0",
        count=1,
        found_at=now,
    )


def _reconciliation(counter: Counter) -> Iterator[Model]:
    reconciliation = Reconciliation.objects.create(
        counter=counter, at=timezone.now(), calls=1, deliveries=2, uploads=1
    )
    yield reconciliation
    yield Difference.objects.create(reconciliation=reconciliation, code=Difference.Code.DOUBLED)
    yield MetrikaReport.objects.create(counter=counter, next_at=timezone.now())
    yield ChartNote.objects.create(
        counter=counter,
        event_id=1,
        kind="settings",
        starts_at=timezone.now(),
        next_at=timezone.now(),
    )
    yield MetrikaReportDay.objects.create(counter=counter, day=timezone.now().date(), calls=1)
