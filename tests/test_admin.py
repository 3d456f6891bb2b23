from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cabinets import audit
from cabinets.models import AuditEvent, Cabinet, CallSource, Membership, SigningSecret
from calls.models import (
    CallKey,
    Delivery,
    Difference,
    IngestReceipt,
    ListUse,
    Reconciliation,
    Resend,
    StreamUse,
    Upload,
    UploadAttempt,
    UploadFile,
)
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from integrations.models import (
    LinkAttempt,
    MetrikaClock,
    RequestDay,
    RequestSecond,
    RequestSlot,
    YandexAccount,
)
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.stored import store_call

APPS = ("cabinets", "integrations", "counters", "calls")
OURS = sorted(
    (model for model in admin.site._registry if model._meta.app_label in APPS),
    key=lambda model: model._meta.label,
)
TYPED_IN = {"cabinets.Cabinet", "cabinets.Membership", "cabinets.CallSource"}
VERIFIER = "verifier-which-nobody-may-read"
BODY = b"ClientId,Tag\n1,bytes-which-nobody-may-read\n"


@pytest.fixture
def support(db: None) -> User:
    return factories.make_user(username="support", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(support: User) -> Client:
    client = Client()
    client.force_login(support)
    return client


@pytest.fixture
def stock(counter: Counter, source: CallSource, support: User) -> Callable[[], dict[str, Model]]:
    def make() -> dict[str, Model]:
        """One of every model; returns them by label."""
        now = timezone.now()
        account = factories.make_account(cabinet=counter.cabinet)
        own_counter = factories.make_counter(account=account)
        call = make_call(cabinet=counter.cabinet)
        upload = make_upload(counter=own_counter, body=BODY)
        number = UploadFile.objects.count()
        compared = Reconciliation.objects.create(
            counter=own_counter, at=now, calls=1, deliveries=2, uploads=1
        )
        made: list[Model] = [
            counter.cabinet,
            factories.make_source(cabinet=counter.cabinet),
            SigningSecret.objects.order_by("-pk")[0],
            Membership.objects.create(
                cabinet=counter.cabinet, user=factories.make_user(), role=Membership.Role.VIEWER
            ),
            audit.log_change(
                cabinet=counter.cabinet, actor=support, action="test.made", subject=account
            ),
            account,
            LinkAttempt.objects.create(
                state_digest=f"state{number}",
                session_digest="session",
                user=support,
                cabinet=counter.cabinet,
                mode=LinkAttempt.Mode.ADD,
                code_verifier=VERIFIER,
                device_id="device",
                authorisation_server="https://oauth.yandex.ru",
                created_at=now,
            ),
            RequestDay.objects.create(yandex_uid=str(number), day=now.date()),
            RequestSlot.objects.create(yandex_uid=str(number), number=0),
            RequestSecond.objects.create(second=number),
            MetrikaClock.objects.create(pk=number, ahead_seconds=60, changed_at=now),
            own_counter,
            factories.make_goal(counter=own_counter),
            call,
            CallKey.objects.get(pk=call.pk),
            upload,
            UploadFile.objects.get(pk=upload.pk),
            UploadAttempt.objects.create(upload=upload, number=1, started_at=now),
            ListUse.objects.create(counter=own_counter, channel=1, asked_at=now),
            StreamUse.objects.create(
                counter=own_counter, channel=1, id_kind=1, is_static=False, built_at=now
            ),
            make_delivery(call=call, counter=own_counter, upload=upload),
            Resend.objects.create(
                call=call,
                counter=own_counter,
                channel=1,
                number=1,
                upload=make_upload(counter=own_counter),
                ordered_at=now,
            ),
            compared,
            Difference.objects.create(reconciliation=compared, code=Difference.Code.DOUBLED),
            IngestReceipt.objects.create(
                source=source, webhook_id=f"msg_{number}", body_hash="0", answer={}, received_at=now
            ),
        ]
        return {one._meta.label: one for one in made}

    return make


def address(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def list_address(model: type[Model]) -> str:
    return address(model, "changelist") + ("?age=all" if "age" in filters_of(model) else "")


def filters_of(model: type[Model]) -> set[str]:
    chosen = admin.site._registry[model].list_filter
    return {getattr(one, "parameter_name", "") for one in chosen}


def act(desk: Client, action: str, *objects: Model) -> None:
    chosen = [str(one.pk) for one in objects]
    url = address(type(objects[0]), "changelist")
    answer = desk.post(url, {"action": action, "_selected_action": chosen})
    assert answer.status_code == 302


def test_every_model_of_ours_is_at_the_desk(stock: Any) -> None:
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]

    assert sorted(model._meta.label for model in models) == [one._meta.label for one in OURS]
    assert set(stock()) == {model._meta.label for model in models}


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_a_list_asks_as_much_for_three_rows_as_for_one(
    desk: Client, stock: Any, model: type[Model]
) -> None:
    stock()
    with CaptureQueriesContext(connection) as for_few:
        assert desk.get(list_address(model)).status_code == 200

    stock()
    stock()
    with CaptureQueriesContext(connection) as for_more:
        answer = desk.get(list_address(model))

    assert len(for_more) == len(for_few) <= 8
    assert answer.context["cl"].result_count >= (1 if model is Cabinet else 3)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_no_page_of_the_desk_shows_a_secret_or_needs_an_inline_script(
    desk: Client, stock: Any, model: type[Model]
) -> None:
    one = stock()[model._meta.label]
    secrets = [VERIFIER, "nobody-may-read", factories.SECRET, "y0_TestAccessToken", ":secret:part"]

    for url in (list_address(model), address(model, "change", one.pk)):
        page = desk.get(url)

        text = page.content.decode()
        assert page.status_code == 200
        assert [secret for secret in secrets if secret in text] == []
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|\sstyle=\"|\son[a-z]+=\"", text) == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_nothing_but_a_few_settings_can_be_typed_or_deleted(
    desk: Client, stock: Any, model: type[Model]
) -> None:
    one = stock()[model._meta.label]
    label = model._meta.label

    delete = desk.post(address(model, "delete", one.pk), {"post": "yes"})
    change = desk.post(address(model, "change", one.pk), {})

    if label == "cabinets.Membership":
        assert delete.status_code == 302
        assert AuditEvent.objects.filter(action="admin.deleted").count() == 1
    else:
        assert delete.status_code == 403
        assert change.status_code == (200 if label in TYPED_IN else 403)
        assert model._default_manager.filter(pk=one.pk).exists()


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("term", ["Окна 12-34", "'\"%", "9" * 30])
def test_any_search_is_answered(desk: Client, stock: Any, model: type[Model], term: str) -> None:
    stock()
    if not admin.site._registry[model].search_fields:
        return

    answer = desk.get(address(model, "changelist"), {"q": term})

    assert answer.status_code == 200


def found(desk: Client, model: type[Model], term: str) -> list[Any]:
    answer = desk.get(address(model, "changelist"), {"q": term})
    return [one.pk for one in answer.context["cl"].result_list]


def test_support_finds_by_what_it_is_told(desk: Client, stock: Any) -> None:
    stock()
    things = stock()
    account, counter, call, upload, delivery = (
        things[label]
        for label in (
            "integrations.YandexAccount",
            "counters.Counter",
            "calls.Call",
            "calls.Upload",
            "calls.Delivery",
        )
    )

    assert found(desk, YandexAccount, account.login) == [account.pk]
    assert found(desk, YandexAccount, account.yandex_uid) == [account.pk]
    assert found(desk, Counter, str(counter.number)) == [counter.pk]
    assert found(desk, type(call), call.external_id) == [call.pk]
    assert found(desk, type(call), call.phone) == [call.pk]
    assert found(desk, Upload, upload.marker) == [upload.pk]
    assert found(desk, type(delivery), call.external_id) == [delivery.pk]
    assert found(desk, type(delivery), upload.marker) == [delivery.pk]
    assert found(desk, type(delivery), str(counter.number)) == [delivery.pk]
    assert found(desk, Upload, "nothing like that") == []


def test_deliveries_are_filtered_by_what_the_customer_is_shown(
    desk: Client, counter: Counter
) -> None:
    def make(**fields: Any) -> int:
        call = make_call(cabinet=counter.cabinet)
        return make_delivery(call=call, counter=counter, **fields).pk

    waiting = make()
    short = make(state=DeliveryState.SKIPPED, reason="too_short")
    refused = make_upload(
        counter=counter,
        state=UploadState.NEEDS_ATTENTION,
        attention=Attention.REJECTED,
        uploading_id=None,
    )
    rejected = make(upload=refused)
    url = reverse("admin:calls_delivery_changelist")

    def listed(**query: str) -> list[int]:
        return [one.pk for one in desk.get(url, query).context["cl"].result_list]

    assert listed(shown="waiting") == [waiting]
    assert listed(shown="needs_attention") == [rejected]
    assert listed(why="too_short") == [short]
    assert listed(why="rejected") == [rejected]
    assert listed(age="1", channel__exact="2") == []


def test_support_reads_what_the_customer_reads(desk: Client, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(enabled=False)
    short = make_delivery(
        call=make_call(cabinet=counter.cabinet),
        counter=counter,
        state=DeliveryState.SKIPPED,
        reason="too_short",
        compared=[12, 60],
    )
    waiting = make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)

    def told(delivery: Model) -> str:
        return desk.get(address(type(delivery), "change", delivery.pk)).content.decode()

    assert "Разговор длился 12 с, а в настройке «Длительность» — от 60 с." in told(short)
    assert "Счетчик выключен" in told(waiting)


def test_old_rows_are_listed_only_when_asked_for(desk: Client, counter: Counter) -> None:
    old = make_call(cabinet=counter.cabinet, started_at=timezone.now() - timedelta(days=40))
    url = reverse("admin:calls_call_changelist")

    def listed(**query: str) -> list[int]:
        return [one.pk for one in desk.get(url, query).context["cl"].result_list]

    assert listed() == []
    assert listed(age="90") == [old.pk]
    assert listed(age="all") == [old.pk]
    assert listed(q=old.external_id) == [old.pk]


def test_a_counter_is_switched_by_the_customers_own_function(
    desk: Client, counter: Counter, support: User
) -> None:
    act(desk, "switch_off", counter)

    counter.refresh_from_db()
    assert counter.enabled is False
    assert AuditEvent.objects.get(action="counter.switched").actor == support


def test_an_account_is_sent_to_reconnect_and_disconnected(
    desk: Client, support: User, account: YandexAccount
) -> None:
    act(desk, "require_reconnection", account)
    account.refresh_from_db()
    assert account.state == YandexAccount.State.REAUTH_REQUIRED

    YandexAccount.objects.filter(pk=account.pk).update(access_token="")
    act(desk, "disconnect", account)
    account.refresh_from_db()
    assert account.state == YandexAccount.State.DISCONNECTED
    assert [(event.action, event.actor) for event in AuditEvent.objects.order_by("pk")] == [
        ("account.reauth_required", support),
        ("account.disconnect", support),
    ]


def test_only_what_metrika_certainly_refused_is_retried(desk: Client, counter: Counter) -> None:
    wrong: dict[str, Any] = {"state": UploadState.NEEDS_ATTENTION}
    refused = make_upload(counter=counter, attention=Attention.REJECTED, uploading_id=None, **wrong)
    doubled = make_upload(counter=counter, attention=Attention.DUPLICATE, **wrong)

    act(desk, "retry", refused, doubled)

    refused.refresh_from_db()
    doubled.refresh_from_db()
    assert refused.state == UploadState.LATER
    assert doubled.state == UploadState.NEEDS_ATTENTION


def test_unclear_and_sent_uploads_are_hurried(desk: Client, counter: Counter) -> None:
    later = timezone.now() + timedelta(hours=2)
    unclear = make_upload(
        counter=counter, state=UploadState.UNCLEAR, uploading_id=None, looked_up_at=later
    )
    sent = make_upload(counter=counter, next_poll_at=later)

    act(desk, "look_up", unclear)
    act(desk, "poll", sent)

    unclear.refresh_from_db()
    sent.refresh_from_db()
    assert unclear.looked_up_at is None
    assert sent.next_poll_at is not None
    assert sent.next_poll_at < later


def test_the_older_secret_of_a_source_is_retired(desk: Client, source: CallSource) -> None:
    SigningSecret.objects.create(source=source, slot=2, secret="whsec_bmV3")

    act(desk, "retire_old_secret", source)

    assert [one.slot for one in source.signing_secrets.all()] == [2]


def test_support_is_shown_a_new_secret_once(desk: Client, source: CallSource) -> None:
    url = address(CallSource, "changelist")
    form = {"action": "rotate_secret", "_selected_action": [str(source.pk)]}

    shown = desk.post(url, form)
    again = desk.post(url, form, follow=True)

    secret = str(source.signing_secrets.get(slot=2).secret)
    assert shown.status_code == 200
    assert secret in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert "сначала отключите старый" in again.content.decode()
    assert secret not in again.content.decode()
    assert source.signing_secrets.count() == 2
    assert AuditEvent.objects.get().action == "source.secret_rotated"


def test_secrets_of_several_sources_are_not_changed_at_once(
    desk: Client, source: CallSource
) -> None:
    other = factories.make_source(cabinet=source.cabinet)

    act(desk, "rotate_secret", source, other)

    assert SigningSecret.objects.count() == 2


def test_support_without_the_right_to_change_gets_no_actions(
    client: Client, counter: Counter
) -> None:
    looker = factories.make_user(username="looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_counter"))
    client.force_login(looker)

    client.post(
        reverse("admin:counters_counter_changelist"),
        {"action": "switch_off", "_selected_action": [str(counter.pk)]},
    )

    counter.refresh_from_db()
    assert counter.enabled is True
    assert client.get(reverse("admin:counters_counter_changelist")).status_code == 200
    assert client.get(reverse("admin:calls_call_changelist")).status_code == 403


@pytest.mark.parametrize("has_right", [False, True])
def test_whole_phones_and_raw_records_take_a_right_of_their_own(
    client: Client, counter: Counter, has_right: bool
) -> None:
    raw = {"clientNumber": "79161234567", "comment": "said-by-the-client"}
    call = make_call(cabinet=counter.cabinet, phone="+79161234567", raw=raw)
    make_delivery(call=call, counter=counter)
    looker = factories.make_user(username="looker", is_staff=True)
    rights = ["view_call", "view_delivery", *(["view_personal_data"] if has_right else [])]
    looker.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(looker)

    pages = [
        client.get(reverse(address, args=args))
        for address, args in (
            ("admin:calls_call_changelist", []),
            ("admin:calls_call_change", [call.pk]),
            ("admin:calls_delivery_changelist", []),
        )
    ]

    assert [page.status_code for page in pages] == [200, 200, 200]
    texts = [page.content.decode() for page in pages]
    assert ["9161234567" in text for text in texts] == [has_right, has_right, False]
    assert ["+7 *** ***-45-67" in text for text in texts] == [not has_right, not has_right, False]
    assert ["said-by-the-client" in text for text in texts] == [False, has_right, False]


@pytest.mark.parametrize("page", ["call", "callkey", "delivery"])
@pytest.mark.parametrize(("typed", "has_right", "found"), [("34567", False, 0), ("34567", True, 1)])
def test_search_finds_no_masked_phone_digit_by_digit(
    client: Client, counter: Counter, page: str, typed: str, has_right: bool, found: int
) -> None:
    make_delivery(call=make_call(cabinet=counter.cabinet, phone="+79161234567"), counter=counter)
    looker = factories.make_user(username="looker", is_staff=True)
    rights = [f"view_{page}", *(["view_personal_data"] if has_right else [])]
    looker.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(looker)

    answer = client.get(reverse(f"admin:calls_{page}_changelist"), {"q": typed})

    assert len(answer.context["cl"].result_list) == found


def test_a_customer_does_not_get_in(owner_client: Client) -> None:
    answer = owner_client.get(reverse("admin:calls_call_changelist"))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_a_saved_form_is_in_the_audit_trail(desk: Client, cabinet: Cabinet, support: User) -> None:
    url = address(Cabinet, "change", cabinet.pk)

    desk.post(url, {"name": "Новое имя", "time_zone": "Asia/Omsk"})

    event = AuditEvent.objects.get(action="admin.changed")
    assert event.actor == support
    assert event.before == {"name": "Окна Столица", "time_zone": "Europe/Moscow"}
    assert event.after == {"name": "Новое имя", "time_zone": "Asia/Omsk"}


def test_support_repeats_one_call_after_a_warning_and_only_once(
    desk: Client, counter: Counter
) -> None:
    call = store_call(cabinet=counter.cabinet)
    upload = make_upload(counter=counter)
    Delivery.objects.filter(call_id=call.pk, channel=1).update(
        state=DeliveryState.BATCHED, upload=upload, row_number=1, call_revision=1
    )
    row = Delivery.objects.get(call_id=call.pk, channel=1)
    url = address(Delivery, "changelist")
    press = {"action": "send_again", "_selected_action": [str(row.pk)]}

    question = desk.post(url, press).content.decode()
    desk.post(url, press | {"number": "1"})
    desk.post(url, press | {"number": "1"})

    assert "посчитать ещё одним звонком" in question
    assert Resend.objects.get().number == 1


def test_support_releases_and_calls_off_waiting_calls(desk: Client, counter: Counter) -> None:
    call = store_call(cabinet=counter.cabinet)
    row = Delivery.objects.get(call_id=call.pk, channel=1)

    act(desk, "call_off", row)
    row.refresh_from_db()
    called_off = (row.state, row.reason)
    act(desk, "release", row)
    row.refresh_from_db()

    assert called_off == (DeliveryState.SKIPPED, "called_off")
    assert (row.state, row.reason) == (DeliveryState.WAITING, None)


def test_support_calls_off_only_what_has_not_arrived(desk: Client, counter: Counter) -> None:
    ready = make_upload(counter=counter, state=UploadState.READY, uploading_id=None)
    sent = make_upload(counter=counter)

    act(desk, "call_off", ready, sent)

    ready.refresh_from_db()
    sent.refresh_from_db()
    assert (ready.state, sent.state) == (UploadState.CANCELLED, UploadState.SENT)
