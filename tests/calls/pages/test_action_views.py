"""The buttons of the pages of a call and of an upload: who may use them, and their effect."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.models import Call, Delivery, Resend, Upload
from calls.queries.blockers import blocker_of
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from counters.states import StopCause
from integrations.models import YandexAccount
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.stored import row_of, store_call
from tests.responses import messages_of

DELIVERY_ACTIONS = ["release", "call-off", "send-again", "send-unlinked", "send"]
#: They ask to confirm.
WITH_A_PAGE = {"send-again", "send", "upload-call-off"}
UPLOAD_ACTIONS = [
    "upload-retry",
    "upload-gather-again",
    "upload-look-up",
    "upload-poll",
    "upload-call-off",
]


@pytest.fixture
def call(counter: Counter) -> Call:
    """A call that is held until tomorrow."""
    stored = store_call(cabinet=counter.cabinet)
    later = timezone.now() + timedelta(days=1)
    Delivery.objects.filter(call_id=stored.pk).update(not_before=later)
    return stored


@pytest.fixture
def refused(counter: Counter) -> Upload:
    return make_upload(
        counter=counter,
        state=UploadState.NEEDS_ATTENTION,
        attention=Attention.REJECTED,
        uploading_id=None,
    )


def action_url(name: str, call: Call, refused: Upload) -> str:
    if name in UPLOAD_ACTIONS:
        return reverse(f"calls:{name}", args=[refused.pk])
    if name == "send":
        return reverse("calls:send", args=[call.pk, row_of(call).counter_id])
    return reverse(f"calls:{name}", args=[call.pk, row_of(call).counter_id, 1])


@pytest.mark.parametrize("name", [*DELIVERY_ACTIONS, *UPLOAD_ACTIONS])
def test_actions_on_another_cabinet_are_not_found(
    stranger_client: Client, call: Call, refused: Upload, name: str
) -> None:
    assert stranger_client.post(action_url(name, call, refused)).status_code == 404
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("name", [*DELIVERY_ACTIONS, *UPLOAD_ACTIONS])
def test_actions_are_forbidden_to_a_viewer(
    viewer_client: Client, call: Call, refused: Upload, name: str
) -> None:
    assert viewer_client.post(action_url(name, call, refused)).status_code == 403
    assert not AuditEvent.objects.exists()
    assert row_of(call).state == DeliveryState.WAITING


@pytest.mark.parametrize("name", [*DELIVERY_ACTIONS, *UPLOAD_ACTIONS])
def test_get_request_changes_nothing(
    owner_client: Client, call: Call, refused: Upload, name: str
) -> None:
    answer = owner_client.get(action_url(name, call, refused))

    assert answer.status_code == (200 if name in WITH_A_PAGE else 405)
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("name", [*DELIVERY_ACTIONS, *UPLOAD_ACTIONS])
def test_post_without_a_csrf_token_is_refused(
    owner_client: Client, call: Call, refused: Upload, name: str
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner_client.cookies

    assert strict.post(action_url(name, call, refused)).status_code == 403
    assert not AuditEvent.objects.exists()


def test_release_and_call_off_redirect_to_the_call(
    owner_client: Client, call: Call, refused: Upload
) -> None:
    url = reverse("calls:journey", args=[call.pk])
    page = owner_client.get(url).content.decode()
    assert action_url("release", call, refused) in page

    released = owner_client.post(action_url("release", call, refused))
    owner_client.post(action_url("call-off", call, refused))
    owner_client.post(action_url("call-off", call, refused))

    assert released["Location"] == url
    assert (row_of(call).state, row_of(call).reason) == (DeliveryState.SKIPPED, "called_off")
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["delivery.released", "delivery.called_off"]


def test_unreadable_call_is_sent_as_unlinked_from_its_page(
    owner_client: Client, counter: Counter, refused: Upload
) -> None:
    stored = store_call(
        cabinet=counter.cabinet, client_id="", unreadable_identifiers={"ClientId": "1,71803E+18"}
    )
    url = reverse("calls:journey", args=[stored.pk])
    button = action_url("send-unlinked", stored, refused)
    before = owner_client.get(url).content.decode()
    assert button in before
    assert "Ждёт вашего решения" in before
    assert "ClientID пришёл в виде, который не читается: «1,71803E+18»." in before
    assert "не читается: «1,71803E+18»" in before

    for _ in range(2):
        assert owner_client.post(button)["Location"] == url

    after = owner_client.get(url).content.decode()
    assert button not in after
    assert "Решено передать как непривязанный" in after
    assert "Уйдёт как непривязанный: идентификатор не читается, так решил человек." in after
    assert (row_of(stored).state, row_of(stored).is_static) == (DeliveryState.WAITING, True)
    assert AuditEvent.objects.get().action == "delivery.sent_unlinked"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {},
            "Уйдёт как непривязанный: идентификатор не читается, так решил человек. Звонок уйдёт "
            "со следующей выгрузкой: соберём в файл до ",
        ),
        ({"min_duration_seconds": 600}, "Не отправляется. "),
        ({"enabled": False}, "Счетчик выключен"),
    ],
)
def test_order_to_send_unlinked_is_answered_with_what_was_decided(
    owner_client: Client, counter: Counter, refused: Upload, settings: dict[str, Any], said: str
) -> None:
    stored = store_call(
        cabinet=counter.cabinet, client_id="", unreadable_identifiers={"ClientId": "1,71803E+18"}
    )
    Counter.objects.filter(pk=counter.pk).update(**settings)

    answer = owner_client.post(action_url("send-unlinked", stored, refused), follow=True)

    (message,) = [str(one) for one in answer.context["messages"]]
    assert said in message
    assert "передаётся" not in message
    assert (row_of(stored).state == DeliveryState.SKIPPED) == ("Не отправляется" in message)


def test_viewer_sees_no_buttons(viewer_client: Client, call: Call, refused: Upload) -> None:
    page = viewer_client.get(reverse("calls:journey", args=[call.pk])).content.decode()
    upload = viewer_client.get(reverse("calls:upload", args=[refused.pk])).content.decode()

    assert "/release" not in page
    assert "/retry" not in upload


def test_refused_upload_is_retried_from_its_page(owner_client: Client, refused: Upload) -> None:
    page = reverse("calls:upload", args=[refused.pk])
    url = reverse("calls:upload-retry", args=[refused.pk])
    assert url in owner_client.get(page).content.decode()

    owner_client.post(url)

    refused.refresh_from_db()
    assert (refused.state, refused.attention) == (UploadState.LATER, "")
    assert AuditEvent.objects.get().action == "upload.retry"


def test_confirmation_counts_the_calls_that_are_still_in_the_file(
    owner_client: Client, counter: Counter
) -> None:
    """Of a file in bisection, ten rows, all but one went in its parts."""
    upload = make_upload(
        counter=counter, state="splitting", attention="split", uploading_id=None, rows=10
    )
    call = store_call(cabinet=counter.cabinet)
    row = Delivery.objects.filter(call_id=call.pk, channel=1)
    row.update(upload=upload, row_number=3, call_revision=1, state=DeliveryState.BATCHED)

    page = owner_client.get(reverse("calls:upload-call-off", args=[upload.pk])).content.decode()

    assert "Её звонки (1) не попадут в Метрику." in page


@pytest.mark.parametrize(
    ("state", "is_called_off"),
    [("ready", True), ("later", True), ("unclear", False), ("sent", False)],
)
def test_only_uploads_that_have_not_arrived_are_called_off(
    owner_client: Client, counter: Counter, state: str, is_called_off: bool
) -> None:
    number = 5 if state == "sent" else None
    upload = make_upload(counter=counter, state=state, uploading_id=number)

    owner_client.post(reverse("calls:upload-call-off", args=[upload.pk]))

    upload.refresh_from_db()
    expected = ("cancelled", "called_off") if is_called_off else (state, "")
    assert (upload.state, upload.attention) == expected
    assert AuditEvent.objects.exists() is is_called_off


def test_call_is_sent_again_after_a_warning_and_once(
    owner_client: Client, counter: Counter
) -> None:
    call = store_call(cabinet=counter.cabinet)
    upload = make_upload(counter=counter)
    Delivery.objects.filter(call_id=call.pk, channel=1).update(
        state=DeliveryState.BATCHED, upload=upload, row_number=1, call_revision=1
    )
    url = reverse("calls:send-again", args=[call.pk, counter.pk, 1])
    confirmation = owner_client.get(url).content.decode()
    assert "посчитать ещё одним звонком" in confirmation
    assert 'name="number" value="1"' in confirmation

    owner_client.post(url, {"number": "1"})
    owner_client.post(url, {"number": "1"})

    assert Resend.objects.count() == 1
    page = owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()
    assert "Заказана повторная отправка" in page
    again = Upload.objects.exclude(pk=upload.pk).get()
    assert owner_client.get(reverse("calls:upload", args=[again.pk])).status_code == 200


def test_waiting_call_cannot_be_sent_again(
    owner_client: Client, call: Call, refused: Upload
) -> None:
    page = owner_client.get(action_url("send-again", call, refused)).content.decode()

    assert "повторять нечего" in page
    assert 'name="number"' not in page


def test_released_call_that_the_rules_refuse_is_not_promised(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    Counter.objects.update(min_duration_seconds=300)
    call = make_call(cabinet=cabinet)
    make_delivery(call=call, counter=counter, state=DeliveryState.SKIPPED, reason="called_off")

    released = owner_client.post(reverse("calls:release", args=[call.pk, counter.pk, 1]))

    (message,) = messages_of(released)
    assert message.startswith("Не отправляется. Разговор длился 152 с,")


def test_released_call_of_a_counter_that_is_off_is_said_to_wait(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    Counter.objects.update(enabled=False)
    call = make_call(cabinet=cabinet)
    later = timezone.now() + timedelta(hours=1)
    make_delivery(call=call, counter=counter, not_before=later)

    released = owner_client.post(reverse("calls:release", args=[call.pk, counter.pk, 1]))

    (message,) = messages_of(released)
    assert message.startswith("Ждёт отправки. Счетчик выключен.")


BLOCKED = [
    pytest.param({"stopped_cause": "any"}, {}, id="stopped"),
    pytest.param({"enabled": False}, {}, id="off"),
    pytest.param({}, {"state": YandexAccount.State.REAUTH_REQUIRED}, id="account"),
]


def block(counter: Counter, of_counter: dict[str, Any], of_account: dict[str, Any]) -> None:
    if "stopped_cause" in of_counter:
        of_counter = {"stopped_cause": StopCause.values[0], "stopped_at": timezone.now()}
    Counter.objects.filter(pk=counter.pk).update(**of_counter)
    YandexAccount.objects.filter(pk=counter.account_id).update(**of_account)


@pytest.mark.parametrize(("of_counter", "of_account"), BLOCKED)
def test_send_now_is_not_offered_while_nothing_can_be_sent(
    owner_client: Client,
    counter: Counter,
    call: Call,
    of_counter: dict[str, Any],
    of_account: dict[str, Any],
) -> None:
    later = make_upload(counter=counter, state=UploadState.LATER, uploading_id=None)
    pages = [
        (reverse("calls:journey", args=[call.pk]), "release"),
        (reverse("calls:upload", args=[later.pk]), "upload-retry"),
    ]
    for page, name in pages:
        assert action_url(name, call, later) in owner_client.get(page).content.decode()

    block(counter, of_counter, of_account)

    for page, name in pages:
        html = owner_client.get(page).content.decode()
        assert action_url(name, call, later) not in html
        assert "Отправить сейчас" not in html


@pytest.mark.parametrize(("of_counter", "of_account"), BLOCKED)
def test_retried_upload_of_a_blocked_counter_says_what_it_waits_for(
    owner_client: Client,
    counter: Counter,
    refused: Upload,
    of_counter: dict[str, Any],
    of_account: dict[str, Any],
) -> None:
    block(counter, of_counter, of_account)
    blocked = Counter.objects.select_related("account").get(pk=counter.pk)
    blocker = blocker_of(blocked, now=timezone.now())

    retried = owner_client.post(reverse("calls:upload-retry", args=[refused.pk]))

    assert blocker
    assert messages_of(retried) == [f"Выгрузка поставлена в очередь. {blocker}"]
