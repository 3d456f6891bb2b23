from __future__ import annotations

import socket
from dataclasses import replace

import pytest
import requests
import responses

from integrations.yandex import transport
from integrations.yandex.config import YandexConfig
from integrations.yandex.errors import TokenRejected, UnexpectedAnswer, Unreachable
from integrations.yandex.transport import Transport, YandexToken, mount_adapter
from tests.integrations.yandex.line import Script, answers, hangs_up, line, stays_silent
from tests.integrations.yandex.stage import ACCESS_TOKEN, CONFIG, SECRETS, options_sent

URL = f"{CONFIG.metrika_url}/management/v1/counters"
TOKEN = YandexToken(ACCESS_TOKEN)
BIG_FILE = b"1,2,3\n" * 2_000_000


def config_of(url: str) -> YandexConfig:
    return replace(CONFIG, metrika_url=url, connect_timeout=0.5, read_timeout=0.3)


@responses.activate
def test_every_request_has_a_timeout_our_name_and_the_token_in_a_header() -> None:
    responses.get(URL, json={})

    Transport(CONFIG).get(URL, auth=TOKEN, params={"offset": 1})

    (call,) = responses.calls
    assert options_sent()["timeout"] == (5, 60)
    assert options_sent()["verify"]
    assert call.request.headers["User-Agent"] == CONFIG.user_agent
    assert call.request.headers["Authorization"] == f"OAuth {ACCESS_TOKEN}"
    assert call.request.url == f"{URL}?offset=1"


@responses.activate
def test_an_upload_may_wait_longer_for_its_answer() -> None:
    responses.post(URL, json={})

    Transport(CONFIG).post_csv(URL, auth=TOKEN, params={}, content=b"a")

    assert options_sent()["timeout"] == (5, 120)


@responses.activate
def test_a_session_that_names_no_timeout_gets_one() -> None:
    responses.get(URL, json={})
    session = requests.Session()
    mount_adapter(session, CONFIG)

    session.get(URL)

    assert options_sent()["timeout"] == (5, 60)


@responses.activate
@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "http://api-metrika.yandex.test/x", "https://127.0.0.1/x"]
)
def test_request_to_another_host_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="Not a host of Yandex"):
        Transport(CONFIG).get(url, auth=TOKEN, params={})

    assert len(responses.calls) == 0


@responses.activate
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    responses.get(URL, status=status, headers={"Location": "https://evil.example/"})

    with pytest.raises(UnexpectedAnswer) as caught:
        Transport(CONFIG).get(URL, auth=TOKEN, params={})

    assert caught.value.http_status == status
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "токен"])
def test_a_damaged_token_is_rejected_before_it_is_sent_or_quoted(token: str) -> None:
    with pytest.raises(TokenRejected) as caught:
        Transport(CONFIG).get(URL, auth=YandexToken(token), params={})

    assert str(caught.value) == "The stored token is empty or damaged"
    assert not caught.value.may_have_arrived
    assert len(responses.calls) == 0


@responses.activate
def test_an_answer_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_LIST_BYTES", 10)
    responses.get(URL, body=b"x" * 11)

    with pytest.raises(UnexpectedAnswer, match="the answer is over 10 bytes"):
        Transport(CONFIG).get(URL, auth=TOKEN, params={})


@responses.activate
def test_size_limit_is_higher_for_lists() -> None:
    long = b"x" * (transport.MAX_ANSWER_BYTES + 1)
    responses.get(URL, body=long)
    responses.get(f"{CONFIG.login_url}/info", body=long)

    assert Transport(CONFIG).get(URL, auth=TOKEN, params={}).body == long
    with pytest.raises(UnexpectedAnswer):
        Transport(CONFIG).get(f"{CONFIG.login_url}/info", auth=TOKEN, params={})


@pytest.mark.parametrize("broken", [hangs_up, answers(b"{", length=100)])
def test_a_read_over_a_dropped_connection_is_repeated_once(broken: Script) -> None:
    with line(broken, answers(b"{}")) as server:
        answer = Transport(config_of(server.url)).get(
            f"{server.url}/counters", auth=TOKEN, params={}
        )

    assert (answer.status, answer.body) == (200, b"{}")
    assert server.accepted == 2


def test_a_read_is_not_repeated_twice() -> None:
    with line(hangs_up, hangs_up, answers(b"{}")) as server:
        transport_there = Transport(config_of(server.url))
        with pytest.raises(Unreachable) as caught:
            transport_there.get(f"{server.url}/counters", auth=TOKEN, params={})

    assert str(caught.value) == "GET /counters: ConnectionError"
    assert server.accepted == 2


def test_a_read_that_timed_out_is_not_repeated() -> None:
    with line(stays_silent, answers(b"{}")) as server, pytest.raises(Unreachable) as caught:
        Transport(config_of(server.url)).get(f"{server.url}/counters", auth=TOKEN, params={})

    assert str(caught.value) == "GET /counters: ReadTimeout"
    assert server.accepted == 1


def test_an_upload_over_a_dropped_connection_is_never_repeated_and_may_have_arrived() -> None:
    with line(hangs_up, answers(b"{}")) as server, pytest.raises(Unreachable) as caught:
        Transport(config_of(server.url)).post_csv(
            f"{server.url}/upload", auth=TOKEN, params={}, content=BIG_FILE
        )

    assert caught.value.may_have_arrived
    assert server.accepted == 1


def test_an_upload_whose_answer_does_not_come_may_have_arrived() -> None:
    config = replace(CONFIG, upload_read_timeout=0.3)
    with line(stays_silent) as server, pytest.raises(Unreachable) as caught:
        Transport(replace(config, metrika_url=server.url)).post_csv(
            f"{server.url}/upload", auth=TOKEN, params={}, content=b"1,2\n"
        )

    assert str(caught.value) == "POST /upload: ReadTimeout"
    assert caught.value.may_have_arrived


def test_an_upload_to_a_closed_port_has_not_arrived() -> None:
    with line() as server:
        url = server.url

    with pytest.raises(Unreachable) as caught:
        Transport(config_of(url)).post_csv(f"{url}/upload", auth=TOKEN, params={}, content=b"1")

    assert not caught.value.may_have_arrived


def test_an_upload_to_a_name_that_does_not_resolve_has_not_arrived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(Unreachable) as caught:
        Transport(CONFIG).post_csv(URL, auth=TOKEN, params={}, content=b"1")

    assert not caught.value.may_have_arrived


def test_an_upload_to_a_host_that_speaks_no_tls_has_not_arrived() -> None:
    def speaks_plainly(connection: socket.socket) -> None:
        connection.sendall(b"220 no tls here\r\n")
        connection.recv(65536)

    with line(speaks_plainly) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(Unreachable) as caught:
            Transport(config_of(url)).post_csv(f"{url}/upload", auth=TOKEN, params={}, content=b"1")

    assert not caught.value.may_have_arrived


def test_a_netrc_does_not_replace_the_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine api-metrika.yandex.test login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))

    with responses.RequestsMock() as mock:
        mock.get(URL, json={})
        Transport(CONFIG).get(URL, auth=TOKEN, params={})
        assert mock.calls[0].request.headers["Authorization"] == f"OAuth {ACCESS_TOKEN}"


def test_a_proxy_of_the_environment_is_not_on_the_way_to_a_stand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with line(answers(b"{}")) as server:
        stand_in = replace(
            CONFIG, oauth_url=server.url, login_url=server.url, metrika_url=server.url
        )
        answer = Transport(stand_in).get(f"{server.url}/counters", auth=TOKEN, params={})

    assert answer.body == b"{}"


def test_the_text_of_a_broken_connection_has_no_secret() -> None:
    with line(hangs_up, hangs_up) as server, pytest.raises(Unreachable) as caught:
        Transport(config_of(server.url)).get(f"{server.url}/counters", auth=TOKEN, params={})

    chain: BaseException | None = caught.value
    while chain:
        assert not SECRETS.search(f"{chain} {chain!r}")
        chain = chain.__cause__ or chain.__context__
