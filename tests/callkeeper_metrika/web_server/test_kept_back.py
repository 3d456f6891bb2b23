"""A response that the application has kept back is sent later, and no thread waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from callkeeper_metrika.web_server import limits
from tests.callkeeper_metrika.web_server.loop import Environ, Loop, answer, is_closed

GUESS = b"GET /guess HTTP/1.1\r\nHost: a\r\n\r\n"
PAGE = b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n"


class KeepingLoop(Loop):
    """Its application keeps the responses to /guess back for a second."""

    def _respond(self, environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/guess":
            environ["callkeeper.send_after"](1.0)
        return super()._respond(environ, start_response)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeepingLoop]:
    made = KeepingLoop(monkeypatch, connections=500)
    yield made
    made.close()


def test_response_is_sent_when_its_time_has_come(loop: KeepingLoop) -> None:
    guess, page = loop.connect(GUESS), loop.connect(PAGE)
    loop.work()

    assert answer(page)[0] == 200
    assert answer(guess)[0] == 0

    loop.wait(0.9)
    assert answer(guess)[0] == 0

    loop.wait(0.1)
    status, head, body = answer(guess)
    assert (status, "Connection: close" in head, body) == (200, True, b"ok")
    assert is_closed(guess)


def test_requests_sent_ahead_on_the_connection_are_not_served(loop: KeepingLoop) -> None:
    loop.connect(GUESS * 20)
    loop.work()
    loop.wait(1)
    loop.work()

    assert [environ["PATH_INFO"] for environ in loop.requests] == ["/guess"]


def test_beyond_a_number_of_them_responses_are_sent_at_once(
    loop: KeepingLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_KEPT_BACK", 2)
    guesses = [loop.connect(GUESS) for _number in range(3)]
    loop.work()

    assert [answer(one)[0] for one in guesses] == [0, 0, 200]


def test_stopping_server_sends_them_at_once(loop: KeepingLoop) -> None:
    guess = loop.connect(GUESS)
    loop.work()

    loop.server.stop_accepting()
    loop.turn()

    assert answer(guess)[0] == 200
