"""A person with a browser who links accounts at the sandbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from django.test import Client
from django.urls import reverse

from integrations.models import LinkAttempt, YandexAccount
from tests.integrations.yandex_id import result_of

TIMEOUT = 10


@dataclass
class Person:
    """A person whose browser is signed in to the cabinet and to Yandex."""

    client: Client
    login: str = "okna-stolica"
    secrets: set[str] = field(default_factory=set)
    pages: list[str] = field(default_factory=list)

    def link(self, url_name: str = "link-start", *args: Any, decision: str = "allow") -> Any:
        """Press «Подключить», decide on Yandex's page, and open the callback."""
        return self.open_callback(self.decide(self.start(url_name, *args), decision))

    def start(self, url_name: str = "link-start", *args: Any) -> str:
        answer = self.client.post(reverse(f"integrations:{url_name}", args=args))
        self.secrets.add(parse_qs(urlsplit(answer["Location"]).query)["state"][0])
        self.secrets.add(str(LinkAttempt.objects.order_by("-pk")[0].code_verifier))
        return str(answer["Location"])

    def decide(self, consent_page: str, decision: str = "allow") -> str:
        with requests.Session() as browser:
            assert "CallKeeper" in browser.get(consent_page, timeout=TIMEOUT).text
            answer = browser.post(
                consent_page,
                data={"login": self.login, "decision": decision},
                allow_redirects=False,
                timeout=TIMEOUT,
            )
        return answer.headers["Location"]

    def open_callback(self, location: str) -> Any:
        parts = urlsplit(location)
        self.secrets.update(parse_qs(parts.query).get("code", []))
        answer = self.client.get(f"{parts.path}?{parts.query}")
        self.pages.append(answer.content.decode() + str(answer.headers))
        self.remember_tokens()
        return answer

    def open_result(self, answer: Any) -> Any:
        """Open the page that says why there is no link."""
        page = result_of(self.client, answer)
        self.pages.append(page.content.decode() + str(page.headers))
        return page

    def remember_tokens(self) -> None:
        for account in YandexAccount.objects.all():
            self.secrets |= {account.access_token, account.refresh_token} - {""}
