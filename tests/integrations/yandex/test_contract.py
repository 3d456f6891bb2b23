"""The contract of Yandex, run against recorded answers and against the sandbox alike."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from integrations.yandex import errors
from integrations.yandex.metrika import MetrikaClient
from integrations.yandex.oauth import OAuthClient, challenge_for
from integrations.yandex.records import Token
from tests.integrations.yandex import worlds
from tests.integrations.yandex.stage import COUNTER, VERIFIER
from tests.integrations.yandex.worlds import FOREIGN_COUNTER, World

DEVICE = {"device_id": "5f1d6a0e-link", "device_name": "CallKeeper"}
MARKER = "ck4711"


@pytest.fixture(params=[worlds.recorded, worlds.sandbox], ids=["recorded", "sandbox"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with request.param() as chosen:
        yield chosen


@pytest.fixture
def oauth(world: World) -> Iterator[OAuthClient]:
    client = OAuthClient(world.config)
    yield client
    client.close()


@pytest.fixture
def token(world: World, oauth: OAuthClient) -> Token:
    code = world.allow(consent_page(oauth))
    return oauth.exchange_code(code=code, code_verifier=VERIFIER, **DEVICE)


@pytest.fixture
def metrika(world: World, token: Token) -> Iterator[MetrikaClient]:
    client = MetrikaClient(world.config, token.access_token)
    yield client
    client.close()


def consent_page(oauth: OAuthClient) -> str:
    return oauth.authorize_url(state="st4te", code_challenge=challenge_for(VERIFIER), **DEVICE)


def calls_file() -> bytes:
    moment = int(time.time()) - 3600
    return (
        "ClientId,DateTime,StaticCall,PhoneNumber,TalkDuration,Tag\r\n"
        f'1718031415926535897,{moment},0,+79161234567,184,"да, ""целевой"""\r\n'
        f"1718031415926535898,{moment + 1},0,+79161234568,0,☎️👍\r\n"
    ).encode()


def conversions_file() -> bytes:
    moment = int(time.time()) - 3600
    rows = [f"17180314159265358{n},calltracking_call_order,{moment}" for n in (97, 98)]
    return "\r\n".join(["ClientId,Target,DateTime", *rows, ""]).encode()


def upload(metrika: MetrikaClient) -> None:
    metrika.upload_calls(COUNTER, body=calls_file(), marker=MARKER, new_goal_name="Звонок")


def test_a_code_becomes_a_token_that_knows_its_account(
    world: World, oauth: OAuthClient, token: Token
) -> None:
    profile = oauth.profile(access_token=token.access_token)

    assert token.expires_in > 0
    assert token.scopes is None
    assert profile.yandex_uid.isdigit()
    assert profile.login == "okna-stolica"
    assert profile.client_id == world.config.client_id


def test_code_is_refused_with_another_verifier(world: World, oauth: OAuthClient) -> None:
    code = world.allow(consent_page(oauth))

    with pytest.raises(errors.AuthorisationRefused) as caught:
        oauth.exchange_code(code=code, code_verifier=VERIFIER[::-1], **DEVICE)

    assert caught.value.error == "invalid_grant"


def test_a_refresh_replaces_the_refresh_token(oauth: OAuthClient, token: Token) -> None:
    renewed = oauth.refresh(refresh_token=token.refresh_token)

    assert renewed.refresh_token != token.refresh_token
    assert renewed.access_token
    assert renewed.expires_in > 0


def test_a_token_with_a_device_can_be_revoked(oauth: OAuthClient, token: Token) -> None:
    assert oauth.revoke(access_token=token.access_token) is True


def test_counters_have_site_and_permission(metrika: MetrikaClient) -> None:
    counters = {counter.number: counter for counter in metrika.counters()}

    counter = counters[COUNTER]
    assert (counter.name, counter.site) == ("Окна Столица", "okna-stolica.example")
    assert (counter.permission, counter.can_upload) == ("own", True)
    assert (counter.status, counter.time_zone_name) == ("Active", "Europe/Moscow")
    assert len(counter.mirrors) == 2
    assert counter.create_time is not None


def test_goals_of_javascript_events_are_found_by_identifier(metrika: MetrikaClient) -> None:
    identifiers = {goal.identifier: goal for goal in metrika.goals(COUNTER) if goal.identifier}

    goal = identifiers["calltracking_call_order"]
    assert (goal.type, goal.source) == ("action", "user")


def test_an_upload_is_found_again_by_its_marker(metrika: MetrikaClient) -> None:
    upload(metrika)

    found = [taken for taken in metrika.call_uploadings(COUNTER) if taken.comment == MARKER]

    assert [(taken.source_quantity, taken.line_quantity) for taken in found] == [(2, 2)]


def test_an_upload_of_conversions_is_counted_and_listed(metrika: MetrikaClient) -> None:
    taken = metrika.upload_conversions(COUNTER, body=conversions_file(), marker="ck4714")

    (listed,) = metrika.conversion_uploadings(COUNTER)

    assert taken.source_quantity == 2
    assert (listed.uploading_id, listed.comment) == (taken.uploading_id, "ck4714")


def test_counter_without_permission_refuses_calls(metrika: MetrikaClient) -> None:
    with pytest.raises(errors.AccessDenied) as caught:
        metrika.upload_calls(
            FOREIGN_COUNTER, body=calls_file(), marker=MARKER, new_goal_name="Звонок"
        )

    assert not caught.value.may_have_arrived


def test_an_unknown_token_is_rejected(world: World) -> None:
    with pytest.raises(errors.TokenRejected):
        MetrikaClient(world.config, "unknown").counters()


@pytest.mark.parametrize(
    ("fault", "expected", "may_have_arrived"),
    [
        ("status_420", errors.QuotaExceeded, False),
        ("status_429", errors.QuotaExceeded, False),
        ("status_403_quota", errors.QuotaExceeded, False),
        ("html_5xx", errors.Unreachable, True),
        ("garbage_200", errors.UnexpectedAnswer, True),
        ("invalid_token", errors.TokenRejected, False),
        ("access_denied", errors.AccessDenied, False),
        ("whole_file_400", errors.RequestRejected, False),
        ("reset_before", errors.Unreachable, True),
        ("reset_middle", errors.Unreachable, True),
        ("reset_after_taken", errors.Unreachable, True),
    ],
)
def test_each_fault_of_an_upload_has_its_error(
    world: World,
    metrika: MetrikaClient,
    fault: str,
    expected: type[errors.YandexError],
    may_have_arrived: bool,
) -> None:
    world.inject(fault)

    with pytest.raises(expected) as caught:
        upload(metrika)

    assert type(caught.value) is expected
    assert caught.value.may_have_arrived is may_have_arrived


def test_an_upload_taken_without_an_answer_is_found_by_its_marker(
    world: World, metrika: MetrikaClient
) -> None:
    world.inject("reset_after_taken")
    with pytest.raises(errors.Unreachable):
        upload(metrika)

    found = [taken for taken in metrika.call_uploadings(COUNTER) if taken.comment == MARKER]

    assert [taken.source_quantity for taken in found] == [2]
