"""A client of the sandbox: a person with a browser and a token."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from devtools.sandbox import RunningSandbox

SCOPES = "login:info metrika:read metrika:write metrika:offline_data"
TIMEOUT = 10
COUNTER = 91234567


class Actor:
    def __init__(self, sandbox: RunningSandbox, login: str = "okna-stolica") -> None:
        self.sandbox = sandbox
        self.login = login
        self.token = ""
        self.browser = requests.Session()

    def question(self, **changes: str) -> dict[str, str]:
        """Parameters of an authorization request."""
        options = self.sandbox.options
        return {
            "response_type": "code",
            "client_id": options.client_id,
            "redirect_uri": options.redirect_uris[0],
            "state": "st4te",
            "scope": SCOPES,
            "force_confirm": "yes",
            "device_id": "device-0001",
        } | changes

    def see_consent(self, **changes: str) -> requests.Response:
        url = self.sandbox.url + "/authorize"
        params = self.question(**changes)
        return self.browser.get(url, params=params, allow_redirects=False, timeout=TIMEOUT)

    def decide(self, decision: str = "allow", **changes: str) -> dict[str, str]:
        """Press a button; return the parameters of the redirect to the application."""
        response = self.browser.post(
            self.sandbox.url + "/authorize",
            params=self.question(**changes),
            data={"login": self.login, "decision": decision},
            allow_redirects=False,
            timeout=TIMEOUT,
        )
        assert response.status_code == 302
        return returned(response)

    def exchange(self, code: str, **changes: str) -> requests.Response:
        form = {"grant_type": "authorization_code", "code": code}
        return self.post_form("/token", **form | changes)

    def post_form(self, path: str, **form: str) -> requests.Response:
        options = self.sandbox.options
        credentials = {"client_id": options.client_id, "client_secret": options.client_secret}
        return requests.post(self.sandbox.url + path, data=credentials | form, timeout=TIMEOUT)

    def link(self, **changes: str) -> dict[str, Any]:
        """Consent and exchange the code; store the access token and return the response."""
        answer: dict[str, Any] = self.exchange(self.decide(**changes)["code"]).json()
        self.token = answer["access_token"]
        return answer

    def call(self, method: str, path: str, **details: Any) -> requests.Response:
        headers = {"Authorization": f"OAuth {self.token}"}
        url = self.sandbox.url + path
        return requests.request(method, url, headers=headers, timeout=TIMEOUT, **details)

    def get(self, path: str, **params: Any) -> Any:
        return self.call("GET", path, params=params).json()

    def upload(
        self, content: str | bytes, *, path: str = "upload_calls", **params: str
    ) -> requests.Response:
        body = content.encode() if isinstance(content, str) else content
        files = {"file": ("calls.csv", body, "text/csv")}
        return self.call("POST", offline(path), params=params, files=files)


def offline(path: str, counter: int = COUNTER) -> str:
    return f"/management/v1/counter/{counter}/offline_conversions/{path}"


def returned(response: requests.Response) -> dict[str, str]:
    """The query of the address a response redirects to."""
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


def control(sandbox: RunningSandbox, path: str, **body: Any) -> Any:
    """POST to the control API, or GET if there is no body."""
    url = f"{sandbox.url}/_sandbox/{path}"
    method = "POST" if body else "GET"
    response = requests.request(method, url, json=body or None, timeout=TIMEOUT)
    response.raise_for_status()
    return response.json()
