"""What staff without the right to personal data can read and find out in the admin."""

from __future__ import annotations

import itertools

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client

from cabinets import audit
from cabinets.models import AuditEvent, CallSource
from calls.delivery import hold, unlinked
from calls.models import Call, CallKey, Delivery, UploadAttempt
from counters.models import Counter
from integrations.yandex.masking import excerpt
from tests import factories
from tests.admin.every_model import MODELS, CreateAll, admin_url, list_url
from tests.calls.ledger import make_call, make_delivery
from tests.personal_data import MARKS, deliver, marks_in, personal_call


@pytest.fixture
def curious(db: None) -> User:
    """A supporter with every right of our apps but the one to personal data."""
    user = factories.make_user(username="curious", is_staff=True)
    rights = Permission.objects.exclude(codename="view_personal_data")
    user.user_permissions.set(rights)
    return user


@pytest.fixture
def curious_client(curious: User) -> Client:
    client = Client()
    client.force_login(curious)
    return client


@pytest.fixture
def call(counter: Counter) -> Call:
    others = [
        factories.make_counter(account=counter.account, name=name) for name in ("two", "three")
    ]
    call = personal_call(counter)
    deliver(call, counter, *others)
    return call


def pages_of(model: type[Model]) -> list[str]:
    keys = model._default_manager.values_list("pk", flat=True)
    pages = [admin_url(model, page, key) for key in keys for page in ("change", "history")]
    return [list_url(model), *pages]


def test_curious_supporter_reads_no_personal_data_on_any_page(
    curious_client: Client, create_all: CreateAll, call: Call
) -> None:
    create_all()
    for delivery in Delivery.objects.filter(call=call):
        hold.call_off(delivery, actor=None, now=call.received_at)
    UploadAttempt.objects.update(
        excerpt=excerpt(f"Bad value {call.page_url} in row 1, {call.phone}".encode())
    )
    urls = list(itertools.chain.from_iterable(pages_of(model) for model in MODELS))

    answers = {url: curious_client.get(url) for url in urls}

    assert {answer.status_code for answer in answers.values()} == {200}
    read = {url: marks_in(answer.content.decode()) for url, answer in answers.items()}
    assert {url: marks for url, marks in read.items() if marks} == {}
    page = answers[admin_url(Call, "change", call.pk)].content.decode()
    assert "https://okna.example/balkon?***" in page
    assert "***0042" in page


@pytest.fixture
def told(call: Call, source: CallSource) -> list[str]:
    """Pages of an event and of a source whose texts quote a record of a call."""
    columns = ("client_id", "yclid", "user_id", "campaign_name", "page_url", "raw", "phone")
    values = {name: getattr(call, name) for name in ("external_id", *columns, "tags")}
    values |= {"said": f"{call.phone}, ivanov@mail.example"}
    event = audit.log_change(
        cabinet=call.cabinet,
        actor=None,
        action="test.changed",
        subject=call,
        before={"rows": [values]},
        after=values | {"state": "waiting", "number": 916123},
    )
    CallSource.objects.filter(pk=source.pk).update(
        last_warning=f"Непонятный номер {call.phone} в записи ivanov@mail.example",
        last_rejection="+79161234567",
    )
    return [
        admin_url(AuditEvent, "change", event.pk),
        list_url(AuditEvent),
        admin_url(CallSource, "change", source.pk),
    ]


def test_texts_that_quote_a_record_are_masked(curious_client: Client, told: list[str]) -> None:
    pages = [curious_client.get(url).content.decode() for url in told]

    event = pages[0].replace("&quot;number&quot;: 916123", "")
    assert [marks_in(page) for page in (event, *pages[1:])] == [[], [], []]
    # The rest of the texts stays.
    assert "&quot;state&quot;: &quot;waiting&quot;" in pages[0]
    assert "Непонятный номер" in pages[2]


def test_texts_that_quote_a_record_are_whole_with_the_right(
    support_client: Client, told: list[str]
) -> None:
    pages = [support_client.get(url).content.decode() for url in told]

    assert marks_in(pages[0]) == list(MARKS)
    assert "ivanov@mail.example" in pages[2]
    assert "+79161234567" in pages[2]


def test_masked_source_can_still_be_changed(
    curious_client: Client, told: list[str], source: CallSource
) -> None:
    form = {"name": "Новое имя", "time_zone": "Europe/Moscow", "region": "RU", "is_active": "on"}

    answer = curious_client.post(told[-1], form)

    source.refresh_from_db()
    assert (answer.status_code, source.name) == (302, "Новое имя")
    assert "+79161234567" in source.last_warning


def test_with_the_right_whole_values_are_shown(support_client: Client, call: Call) -> None:
    page = support_client.get(admin_url(Call, "change", call.pk)).content.decode()
    page += support_client.get(list_url(Delivery)).content.decode()

    assert marks_in(page) == list(MARKS)
    assert call.external_id in support_client.get(list_url(Delivery)).content.decode()


def test_actions_confirm_with_masked_ids(curious_client: Client, call: Call) -> None:
    row = Delivery.objects.filter(call=call, upload__isnull=False).get()
    press = {"action": "send_again", "_selected_action": [str(row.pk)]}

    page = curious_client.post(admin_url(Delivery, "changelist"), press).content.decode()

    assert "Отправить звонок повторно?" in page
    assert marks_in(page) == []


def test_audit_trail_names_no_personal_data(call: Call, curious: User) -> None:
    for row in Delivery.objects.filter(call=call).select_related("call", "counter", "cabinet"):
        hold.call_off(row, actor=curious, now=call.received_at)
        unlinked.approve(row, actor=curious, now=call.received_at)

    events = AuditEvent.objects.all()

    assert events.count() >= 1
    assert [marks_in(f"{one.before} {one.after} {one.object_id}") for one in events] == [
        [] for _ in events
    ]


@pytest.mark.parametrize("model", [Call, CallKey, Delivery])
def test_search_tells_no_digit_that_is_masked(
    curious_client: Client, counter: Counter, model: type[Model]
) -> None:
    make_delivery(call=make_call(cabinet=counter.cabinet, phone="+79161234567"), counter=counter)

    def found(term: str) -> int:
        answer = curious_client.get(admin_url(model, "changelist"), {"q": term})
        return len(answer.context["cl"].result_list)

    # Right and wrong guesses of the masked digits give the same answer.
    assert [found(f"+7{code}1234567") for code in ("916", "915", "999")] == [1, 1, 1]
    assert [found("34567"), found("44567"), found("79169999999")] == [0, 0, 0]
    assert found("4567") == 1
