"""What Yandex ID answers, in domain words, and what was asked of it."""

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
        """The whole happy way: a token, and whose it is."""
        self.grants()
        self.knows()

    def refuses(self, error: str, path: str = "/token") -> None:
        self.replaces(
            "POST", path, json={"error": error, "error_description": "told to nobody"}, status=400
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
        """Run a rival after Yandex was asked and before its answer is read."""

        def respond(_: Any) -> tuple[int, dict[str, str], str]:
            act()
            return 200, {"Content-Type": "application/json"}, json.dumps(answer)

        self.remove("POST", BASE + path)
        self.add_callback("POST", BASE + path, callback=respond)

    def replaces(self, method: str, path: str, **answer: Any) -> None:
        self.remove(method, BASE + path)
        self.add(method, BASE + path, **answer)

    def asked(self, path: str) -> list[dict[str, str]]:
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
    """Press «Подключить»; return what the browser is sent to Yandex with."""
    answer = client.post(url or reverse("integrations:link-start"))
    assert answer.status_code == 303, answer.status_code
    return single(urlsplit(answer["Location"]).query)


def come_back(client: Client, **parameters: str) -> Any:
    """Open the callback as Yandex sends the browser there."""
    return client.get(reverse("integrations:link-callback"), parameters)


def result_of(client: Client, answer: Any) -> Any:
    """Open the page that the callback leads to, which says why there is no link."""
    assert answer.status_code == 303, answer.status_code
    location = urlsplit(answer["Location"])
    assert location.path.startswith("/lk/integrations/yandex/link-result/")
    assert (location.scheme, location.netloc, location.query) == ("", "", "")
    return client.get(location.path)


def link(client: Client, code: str = "7654321") -> Any:
    """Go to Yandex and come back with a code."""
    return come_back(client, code=code, state=start(client)["state"])
