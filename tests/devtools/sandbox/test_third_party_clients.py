"""Clients written by others against the real Metrika must work against the sandbox.

That is how the sandbox is known to resemble Yandex and not our own idea of it. Each is used within
the limits of its own known faults: tapi needs its JSON label taken off a file, yametrikapy counts
characters instead of bytes (ASCII only), aiotapioca cannot upload.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import ParseResult

import pytest
from aiotapioca_yandex_metrika import YandexMetrikaLogsAPI, YandexMetrikaManagementAPI
from aiotapioca_yandex_metrika.aiotapioca_yandex_metrika import (
    YandexMetrikaLogsAPIClientAdapter,
    YandexMetrikaManagementAPIClientAdapter,
)
from aiotapioca_yandex_metrika.exceptions import YandexMetrikaTokenError as AioTokenError
from tapi2 import generate_wrapper_from_adapter
from tapi_yandex_metrika import exceptions as tapi_exceptions
from tapi_yandex_metrika.tapi_yandex_metrika import (
    YandexMetrikaManagementClientAdapter,
    YandexMetrikaStatsClientAdapter,
)
from yametrikapy import core as yametrikapy
from yametrikapy.client import APIClient
from ym_api_client import YandexMetrikaAuthError, YandexMetrikaClient

from devtools.sandbox import RunningSandbox
from tests.devtools.sandbox.actor import COUNTER, Actor, control

OWN_AND_SHARED = 9
MULTIPART = {"Content-Type": None}


def recent() -> int:
    return int(time.time()) - 60


def csv(tag: str = "") -> str:
    """The format of yametrikapy's own live test: spaces after the commas."""
    return (
        "ClientId, DateTime, StaticCall, PhoneNumber, TalkDuration, Tag\n"
        f"133591247640966458, {recent()}, 0, +70123456789, 30, {tag}\n"
    )


def tapi(adapter: type, actor: Actor) -> Any:
    """The library's client with its fixed root replaced, and nothing else."""

    def get_api_root(self: Any, api_params: Any, resource_name: str) -> str:
        return actor.sandbox.url + "/"

    local = type("LocalAdapter", (adapter,), {"get_api_root": get_api_root})
    client = generate_wrapper_from_adapter(local)
    return client(access_token=actor.token, default_url_params={"counterId": COUNTER})


def pushed(sandbox: RunningSandbox) -> None:
    control(sandbox, "clock", advance_seconds=3600)


def test_tapi_lists_counters_and_goals(actor: Actor) -> None:
    client = tapi(YandexMetrikaManagementClientAdapter, actor)

    counters = client.counters().get(params={"permission": "own,edit"}).data
    goals = client.goals().get().data["goals"]

    assert counters["rows"] == 7
    assert counters["counters"][0]["id"] == COUNTER
    assert goals[0]["conditions"] == [{"type": "exact", "url": "calltracking_call_order"}]


def test_tapi_creates_and_deletes_a_goal(actor: Actor) -> None:
    client = tapi(YandexMetrikaManagementClientAdapter, actor)
    condition = {"type": "exact", "url": "from_tapi"}
    goal = {"name": "Из tapi", "type": "action", "conditions": [condition]}

    made = client.goals().post(data={"goal": goal}).data["goal"]
    deleted = client.goal(goalId=made["id"]).delete().data

    assert made["name"] == "Из tapi"
    assert deleted == {"success": True}


def test_tapi_uploads_calls_and_reads_their_status(actor: Actor) -> None:
    client = tapi(YandexMetrikaManagementClientAdapter, actor)
    body = csv("целевой 😀").encode()

    sent = client.offline_conversions_upload_calls().post(
        params={"client_id_type": "CLIENT_ID", "comment": "tapi1", "new_goal_name": "Звонок"},
        files={"file": body},
        headers=MULTIPART,
    )
    pushed(actor.sandbox)
    number = sent.data["uploading"]["id"]
    one = client.offline_conversions_calls_uploading(id=number).get().data["uploading"]
    listed = client.offline_conversions_calls_uploadings().get().data["uploadings"]

    assert sent.data["uploading"]["line_quantity"] == 1
    assert (one["status"], one["linked_quantity"]) == ("PROCESSED", 1)
    assert listed == [one]
    assert control(actor.sandbox, "rows")["rows"][0]["Tag"] == "целевой 😀"


def test_tapi_uploads_conversions(actor: Actor) -> None:
    client = tapi(YandexMetrikaManagementClientAdapter, actor)
    body = f"ClientId,Target,DateTime\n133591247640966458,call,{recent()}\n".encode()

    sent = client.offline_conversions_upload().post(files={"file": body}, headers=MULTIPART)

    assert sent.data["uploading"]["line_quantity"] == 1
    assert len(client.offline_conversions_uploadings().get().data["uploadings"]) == 1


def test_tapi_switches_the_threshold(actor: Actor) -> None:
    client = tapi(YandexMetrikaManagementClientAdapter, actor)

    assert client.offline_conversions_calls_extended_threshold().post().data == {"success": True}
    assert client.offline_conversions_calls_extended_threshold().delete().data == {"success": True}


def test_tapi_reads_a_report(actor: Actor) -> None:
    actor.upload(csv())
    pushed(actor.sandbox)

    report = (
        tapi(YandexMetrikaStatsClientAdapter, actor)
        .stats()
        .get(params={"ids": COUNTER, "metrics": "ym:s:offlineCalls", "date1": "yesterday"})
    )

    assert report.data["totals"] == [1]


def test_tapi_recognises_the_sandboxs_refusals(actor: Actor) -> None:
    client = tapi(YandexMetrikaManagementClientAdapter, actor)
    control(actor.sandbox, "faults", name="status_429", error_type="quota_requests_by_uid")

    with pytest.raises(tapi_exceptions.YandexMetrikaLimitError):
        client.counters().get()
    actor.token = "y0_" + "x" * 58
    with pytest.raises(tapi_exceptions.YandexMetrikaTokenError):
        tapi(YandexMetrikaManagementClientAdapter, actor).counters().get()


@pytest.fixture
def yametrika(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client with its host replaced; the connections it leaves open are closed here."""
    opened: list[HTTPConnection] = []

    def get_connection(self: APIClient, uri: ParseResult) -> HTTPConnection:
        opened.append(HTTPConnection(uri.netloc))
        return opened[-1]

    monkeypatch.setattr(APIClient, "_get_connection", get_connection)
    monkeypatch.setattr(yametrikapy.Metrika, "HOST", actor.sandbox.url + "/")
    yield yametrikapy.Metrika("client", token=actor.token)
    for connection in opened:
        connection.close()


def test_yametrikapy_lists_counters_and_goals(yametrika: Any) -> None:
    counters = yametrika.counters().counters
    goals = yametrika.goals(COUNTER).goals

    assert len(counters) == OWN_AND_SHARED
    assert counters[0]["site2"]["site"] == "okna-stolica.example"
    assert len(goals) == 4


def test_yametrikapy_uploads_calls_and_reads_their_status(actor: Actor, yametrika: Any) -> None:
    sent = yametrika.upload_calls(
        COUNTER, io.StringIO(csv("ascii")), "CLIENT_ID", comment="yam1", new_goal_name="Calls"
    )
    pushed(actor.sandbox)
    one = yametrika.calls_uploading(COUNTER, sent.uploading["id"]).uploading
    listed = yametrika.calls_uploadings(COUNTER).uploadings

    assert sent.uploading["line_quantity"] == 1
    assert (one["status"], one["comment"]) == ("PROCESSED", "yam1")
    assert listed == [one]
    assert control(actor.sandbox, "rows")["rows"][0]["PhoneNumber"] == "+70123456789"


def test_yametrikapy_gets_an_error_for_a_cut_file(actor: Actor, yametrika: Any) -> None:
    with pytest.raises(yametrikapy.BadRequestError):
        yametrika.upload_calls(COUNTER, io.StringIO(csv("целевой")), "CLIENT_ID")

    assert control(actor.sandbox, "rows")["total"] == 0


def test_yametrikapy_switches_the_threshold(yametrika: Any) -> None:
    assert yametrika.on_calls_extended_threshold(COUNTER).success is True
    assert yametrika.off_calls_extended_threshold(COUNTER).success is True


def test_ym_api_client_reads_counters_and_goals(actor: Actor) -> None:
    with YandexMetrikaClient(actor.token, base_url=actor.sandbox.url) as client:
        counters = client.management.list_counters()
        found = client.management.get_counter_id_by_site("mysite.ru")
        counter = client.management.get_counter(str(COUNTER))["counter"]
        goals = client.management.list_goals(str(COUNTER))

    assert len(counters) == OWN_AND_SHARED
    assert found == "91234602"
    assert counter["owner_login"] == "okna-stolica"
    assert len(goals) == 4


def test_ym_api_client_recognises_a_dead_token(actor: Actor) -> None:
    control(actor.sandbox, "people/okna-stolica/expire-tokens", now=True)

    with (
        YandexMetrikaClient(actor.token, base_url=actor.sandbox.url) as client,
        pytest.raises(YandexMetrikaAuthError),
    ):
        client.management.list_counters()


def aio(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> Any:
    root = actor.sandbox.url + "/"
    monkeypatch.setattr(YandexMetrikaManagementAPIClientAdapter, "api_root", root)
    params = {"counter_id": COUNTER}
    return YandexMetrikaManagementAPI(access_token=actor.token, default_url_params=params)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run in a thread of its own: this thread may run a browser's event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def test_aiotapioca_reads_counters_goals_and_uploadings(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = actor.upload(csv(), comment="aio1").json()["uploading"]["id"]
    control(actor.sandbox, "clock", advance_seconds=3600)

    async def read() -> list[Any]:
        async with aio(actor, monkeypatch) as client:
            answers = [
                await client.counters().get(),
                await client.goals().get(),
                await client.offline_conversions_calls_uploadings().get(),
                await client.offline_conversions_calls_uploading(id=number).get(),
            ]
            return [answer.data() for answer in answers]

    counters, goals, listed, one = run(read())

    assert counters["rows"] == OWN_AND_SHARED
    assert len(goals["goals"]) == 5
    assert [uploading["comment"] for uploading in listed["uploadings"]] == ["aio1"]
    assert one["uploading"] == listed["uploadings"][0]


def test_aiotapioca_reads_logs_part_by_part(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(YandexMetrikaLogsAPIClientAdapter, "api_root", actor.sandbox.url + "/")
    yesterday = (datetime.now(UTC) + timedelta(hours=3) - timedelta(days=1)).date().isoformat()
    control(actor.sandbox, "hits/fill", counter=COUNTER, day=yesterday, count=3)
    control(actor.sandbox, "logs", seconds=0, part_lines=2)
    query = {
        "fields": "ym:pv:dateTime,ym:pv:visitID",
        "source": "hits",
        "date1": yesterday,
        "date2": yesterday,
    }

    async def read() -> list[Any]:
        params = {"counter_id": COUNTER}
        token = actor.token
        async with YandexMetrikaLogsAPI(access_token=token, default_url_params=params) as client:
            evaluated = (await client.evaluate().get(params=query)).data()
            made = (await client.create().post(params=query)).data()
            number = made["log_request"]["request_id"]
            info = (await client.info(request_id=number).get()).data()
            parts = [
                (await client.download(request_id=number, part_number=part).get()).data()
                for part in range(2)
            ]
            cleaned = (await client.clean(request_id=number).post()).data()
            listed = (await client.all_info().get()).data()
            return [evaluated, info, parts, cleaned, listed]

    evaluated, info, parts, cleaned, listed = run(read())

    assert evaluated["log_request_evaluation"]["possible"] is True
    assert info["log_request"]["status"] == "processed"
    whole = "".join(parts).splitlines()
    assert [line.split("\t")[0] for line in whole] == [
        "ym:pv:dateTime",
        f"{yesterday} 00:00:00",
        f"{yesterday} 08:00:00",
        "ym:pv:dateTime",
        f"{yesterday} 16:00:00",
    ]
    assert cleaned["log_request"]["status"] == "cleaned_by_user"
    assert [one["status"] for one in listed["requests"]] == ["cleaned_by_user"]


def test_aiotapioca_recognises_a_dead_token(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    control(actor.sandbox, "people/okna-stolica/revoke-tokens", now=True)

    async def read() -> None:
        async with aio(actor, monkeypatch) as client:
            await client.counters().get()

    with pytest.raises(AioTokenError):
        run(read())
