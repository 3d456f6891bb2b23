from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from django.utils import timezone

from counters.models import Counter
from counters.sync import available
from devtools.sandbox import RunningSandbox
from integrations import api_call
from integrations.api_call import MetrikaUnavailable
from integrations.limits import pauses
from integrations.models import YandexAccount
from integrations.yandex.records import CounterInfo
from tests import factories
from tests.counters.conftest import LinkAccount

OWN, EDITABLE, VIEWED, ANALYSED, DELETED = 91234567, 91400011, 91300042, 91400010, 91234705


def test_visible_counters_are_offered_with_their_facts(okna: YandexAccount) -> None:
    offers = {offer.number: offer for offer in available.available_counters(okna)}

    assert len(offers) == 9
    assert DELETED not in offers
    own = offers[OWN]
    assert (own.name, own.site) == ("Окна Столица", "okna-stolica.example")
    assert own.owner_login == "okna-stolica"
    assert own.created_at == datetime(2021, 4, 12, 7, 31, 7, tzinfo=UTC)
    assert (str(own.permission_text), own.can_be_added) == ("Владелец", True)
    assert (str(offers[EDITABLE].permission_text), offers[EDITABLE].can_be_added) == (
        "Редактирование",
        True,
    )


@pytest.mark.parametrize("number", [VIEWED, ANALYSED])
def test_view_only_counter_has_a_reason_why_it_cannot_be_added(
    okna: YandexAccount, number: int
) -> None:
    offer = next(offer for offer in available.available_counters(okna) if offer.number == number)

    assert not offer.can_be_added
    assert str(offer.disabled_reason) == (
        "Звонки отправлять нельзя: попросите владельца дать право на редактирование"
    )


def test_added_counter_is_marked_with_its_account(okna: YandexAccount, link: LinkAccount) -> None:
    agency = link("agency-media")
    factories.make_counter(account=okna, number=OWN)
    factories.make_counter(account=agency, number=EDITABLE)

    offers = {offer.number: offer for offer in available.available_counters(okna)}

    assert (offers[OWN].already_added, offers[OWN].added_through) == (True, "")
    assert offers[EDITABLE].already_added
    assert offers[EDITABLE].added_through == "agency-media"


def test_removed_counter_and_one_of_another_cabinet_can_be_added(
    okna: YandexAccount, stranger: object
) -> None:
    factories.make_counter(account=okna, number=OWN, removed_at=timezone.now())
    other = factories.make_account(cabinet=factories.make_cabinet(name="Чужой"))
    factories.make_counter(account=other, number=EDITABLE)

    offers = {offer.number: offer for offer in available.available_counters(okna)}

    assert offers[OWN].can_be_added
    assert offers[EDITABLE].can_be_added


def test_counter_unreachable_through_another_account_can_be_added(
    okna: YandexAccount, link: LinkAccount
) -> None:
    agency = link("agency-media")
    factories.make_counter(account=agency, number=OWN, access=Counter.Access.LOST)

    offer = next(offer for offer in available.available_counters(okna) if offer.number == OWN)

    assert offer.can_be_added


def test_all_pages_of_a_long_list_are_read(okna: YandexAccount, sandbox: RunningSandbox) -> None:
    for ordinal in range(1050):
        number = 93_000_000 + ordinal
        sandbox.world.counters.add(number, f"Сайт {ordinal}", "site.example", "okna-stolica")

    assert len(available.available_counters(okna)) == 1059


def test_expired_token_is_refreshed_once_and_the_request_repeated(
    okna: YandexAccount, sandbox: RunningSandbox
) -> None:
    YandexAccount.objects.filter(pk=okna.pk).update(access_token="y0_a-token-of-yesterday")
    okna.refresh_from_db()

    offers = available.available_counters(okna)

    assert len(offers) == 9
    okna.refresh_from_db()
    assert okna.state == YandexAccount.State.ACTIVE
    assert okna.access_token != "y0_a-token-of-yesterday"


def test_withdrawn_access_requires_reconnection(
    okna: YandexAccount, sandbox: RunningSandbox
) -> None:
    sandbox.world.tokens.revoke_all("okna-stolica")

    with pytest.raises(MetrikaUnavailable) as refusal:
        available.available_counters(okna)

    assert refusal.value.sentence == api_call.RECONNECT
    okna.refresh_from_db()
    assert okna.state == YandexAccount.State.REAUTH_REQUIRED


def test_no_request_is_made_with_an_unusable_account(
    okna: YandexAccount, sandbox: RunningSandbox
) -> None:
    okna.state = YandexAccount.State.REAUTH_REQUIRED

    with pytest.raises(MetrikaUnavailable) as refusal:
        available.available_counters(okna)

    assert refusal.value.sentence == api_call.RECONNECT
    assert sandbox.world.journal.report(10)["last"] == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"name": "html_5xx", "status": 502}, api_call.NO_ANSWER),
        ({"name": "reset_before"}, api_call.NO_ANSWER),
        ({"name": "garbage_200"}, api_call.UNEXPECTED_ANSWER),
        ({"name": "access_denied"}, api_call.NO_ACCESS),
        ({"name": "status_429", "error_type": "quota_parallel_requests"}, api_call.BUSY),
        ({"name": "status_429", "error_type": "quota_requests_by_uid"}, api_call.DAY_SPENT),
    ],
)
def test_each_failure_of_metrika_has_its_message(
    okna: YandexAccount, sandbox: RunningSandbox, fault: dict[str, object], sentence: str
) -> None:
    match = {"path_contains": "/counters"}
    sandbox.world.faults.add({"times": None, "match": match} | fault)

    with pytest.raises(MetrikaUnavailable) as refusal:
        available.available_counters(okna)

    assert refusal.value.sentence == sentence


@pytest.mark.parametrize(
    ("error_type", "sentence", "shortest", "longest"),
    [
        ("quota_requests_by_uid", api_call.DAY_SPENT, 12 * 3600, 12 * 3600 + 600),
        ("quota_parallel_requests", api_call.BUSY, 1, 5),
        ("quota_requests_by_ip", api_call.BUSY, 1, 30),
    ],
)
def test_exceeded_quota_pauses_the_login_without_more_requests(
    okna: YandexAccount,
    sandbox: RunningSandbox,
    error_type: str,
    sentence: str,
    shortest: int,
    longest: int,
) -> None:
    sandbox.world.faults.add({"name": "status_429", "times": 1, "error_type": error_type})
    noon = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
    with time_machine.travel(noon, tick=False):
        with pytest.raises(MetrikaUnavailable):
            available.available_counters(okna)

        with pytest.raises(MetrikaUnavailable) as refusal:
            available.available_counters(okna)

    assert refusal.value.sentence == sentence
    until = pauses.paused_until(okna.yandex_uid, noon)
    assert until is not None
    assert shortest <= (until - noon).total_seconds() <= longest


@pytest.mark.parametrize(
    ("info", "facts"),
    [
        (
            CounterInfo(
                number=1,
                name="Двери",
                site="Двери-Столица.РФ",
                mirrors=("www.dveri.example", "dveri.example", "не сайт"),
                owner_login="okna",
                permission="own",
                time_zone_name="Asia/Omsk",
            ),
            ("Двери", "xn----8sbehgsbx0arnm9c.xn--p1ai", ["dveri.example"], "Asia/Omsk"),
        ),
        (CounterInfo(number=2, site="site.ru"), ("site.ru", "site.ru", [], "Europe/Moscow")),
        (CounterInfo(number=3), ("3", "", [], "Europe/Moscow")),
    ],
)
def test_facts_fit_the_columns(info: CounterInfo, facts: tuple[object, ...]) -> None:
    known = available.facts_of(info)

    assert (
        known["name"],
        known["site_host"],
        known["mirror_hosts"],
        known["time_zone"],
    ) == facts
