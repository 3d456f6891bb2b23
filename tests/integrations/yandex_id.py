"""A mock of Yandex ID whose answers are set by name, and helpers that walk through a link."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import requests
import responses
from django.test import Client
from django.urls import reverse

BASE = "http://127.0.0.1:9"
ACCESS = "y0_AccessTokenOfOknaStolica0000000000000000000000000000000001"
REFRESH = "1:refreshOfOkna:secret:part"
UID = "1130000000000001"
LOGIN = "okna-stolica"
CLIENT_ID = "test-client-id"
YEAR = 31_536_000


class YandexId(responses.RequestsMock):
    def __init__(self) -> None:
        super().__init__(assert_all_requests_are_fired=False)

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def grants(self, access: str = ACCESS, refresh: str = REFRESH, **fields: Any) -> None:
        self.replaces("POST", "/token", json=token_answer(access, refresh, **fields))

    def knows(self, uid: str = UID, login: str = LOGIN, client_id: str = CLIENT_ID) -> None:
        profile = {"id": uid, "login": login, "client_id": client_id, "display_name": "Окна"}
        self.replaces("GET", "/info", json=profile)

    def allows(self) -> None:
        """Answer both requests of a successful link: the token and the profile."""
        self.grants()
        self.knows()

    def refuses(self, error: str, path: str = "/token") -> None:
        self.replaces(
            "POST",
            path,
            json={"error": error, "error_description": "internal detail of Yandex"},
            status=400,
        )

    def rejects_token(self) -> None:
        self.replaces("GET", "/info", json={"error": "invalid_token"}, status=401)

    def is_down(self, path: str = "/token", method: str = "POST") -> None:
        self.replaces(method, path, body="<html>Bad gateway</html>", status=502)

    def cannot_be_reached(self, path: str) -> None:
        self.replaces("POST", path, body=requests.ConnectTimeout("no answer"))

    def revokes(self) -> None:
        self.replaces("POST", "/revoke_token", json={"status": "ok"})

    def meanwhile(self, path: str, act: Callable[[], object], **answer: Any) -> None:
        """Call ``act`` after the request was sent and before its answer is read."""

        def respond(_: Any) -> tuple[int, dict[str, str], str]:
            act()
            return 200, {"Content-Type": "application/json"}, json.dumps(answer)

        self.remove("POST", BASE + path)
        self.add_callback("POST", BASE + path, callback=respond)

    def replaces(self, method: str, path: str, **answer: Any) -> None:
        self.remove(method, BASE + path)
        self.add(method, BASE + path, **answer)

    def forms(self, path: str) -> list[dict[str, str]]:
        """The forms posted to a path, oldest first."""
        calls = [call for call in self.calls if urlsplit(str(call.request.url)).path == path]
        return [single(str(call.request.body or "")) for call in calls]


def token_answer(access: str = ACCESS, refresh: str = REFRESH, **fields: Any) -> dict[str, Any]:
    return {
        "access_token": access,
        "refresh_token": refresh,
        "expires_in": YEAR,
        "token_type": "bearer",
    } | fields


def single(query: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query).items()}


def start(client: Client, url: str | None = None) -> dict[str, str]:
    """Press «Подключить»; return the query parameters of the redirect to Yandex."""
    answer = client.post(url or reverse("integrations:link-start"))
    assert answer.status_code == 303, answer.status_code
    return single(urlsplit(answer["Location"]).query)


def open_callback(client: Client, **parameters: str) -> Any:
    """Open the callback as after Yandex's redirect."""
    return client.get(reverse("integrations:link-callback"), parameters)


def result_of(client: Client, answer: Any) -> Any:
    """Open the page to which the callback redirects after a failure."""
    assert answer.status_code == 303, answer.status_code
    location = urlsplit(answer["Location"])
    assert location.path.startswith("/lk/integrations/yandex/link-result/")
    assert (location.scheme, location.netloc, location.query) == ("", "", "")
    return client.get(location.path)


def link(client: Client, code: str = "7654321") -> Any:
    """Start a link and open its callback with a code."""
    return open_callback(client, code=code, state=start(client)["state"])
