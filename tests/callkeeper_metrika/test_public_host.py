"""A page at another host leads to PUBLIC_URL, so that a link is not lost on the way from Yandex."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.django_db
PUBLIC = "http://lk.example:8000"


@pytest.fixture(autouse=True)
def hosts(settings: Settings) -> None:
    settings.PUBLIC_URL = PUBLIC
    settings.ALLOWED_HOSTS = ["lk.example", "www.lk.example", "localhost", "127.0.0.1", "[::1]"]


def location(path: str, host: str, *, method: str = "get", **headers: str) -> str | None:
    sent = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = getattr(Client(), method)(path, headers=sent)
    found: str | None = answer.headers.get("Location")
    return found


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "www.lk.example"])
def test_page_at_another_host_leads_to_the_public_one(host: str, method: str) -> None:
    found = location("/accounts/login/?next=/lk/integrations%3Fa%3D1", host, method=method)

    assert found == f"{PUBLIC}/accounts/login/?next=/lk/integrations%3Fa%3D1"


def test_redirect_comes_before_the_sign_in_and_is_not_cached() -> None:
    answer = Client().get("/lk/integrations/yandex?sort=name", headers={"host": "localhost"})

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{PUBLIC}/lk/integrations/yandex?sort=name"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("host", ["lk.example", "lk.example:8000", "lk.example:443", "LK.example"])
def test_page_at_the_public_host_is_served_at_any_port(host: str) -> None:
    assert location("/accounts/login/", host) is None


@pytest.mark.parametrize(
    ("public", "host"), [("http://[::1]:8000", "[::1]:9000"), ("https://lk.example", "lk.example")]
)
def test_public_url_may_be_an_address_or_have_no_port(
    settings: Settings, public: str, host: str
) -> None:
    settings.PUBLIC_URL = public

    assert location("/accounts/login/", host) is None
    assert location("/accounts/login/", "localhost") == f"{public}/accounts/login/"


@pytest.mark.parametrize(
    "path",
    [
        "/api/docs",
        "/api/openapi.json",
        "/api/v1/calls",
        "/healthz",
        "/readyz",
        "/metrics",
        "/admin/login/",
        "/static/css/base.css",
    ],
)
def test_programs_and_staff_are_answered_at_any_host(path: str) -> None:
    assert location(path, "localhost") is None


@pytest.mark.parametrize("method", ["post", "put", "options"])
def test_only_what_can_be_repeated_is_redirected(method: str) -> None:
    found = location("/accounts/login/", "localhost", method=method)

    assert found is None


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/@evil.example"])
def test_no_path_leads_to_another_site(path: str) -> None:
    found = Client().get("/", PATH_INFO=path, headers={"host": "localhost"}).headers["Location"]

    assert found.startswith(f"{PUBLIC}/")


@pytest.mark.parametrize("host", ["evil.example", "lk.example.evil.example"])
def test_host_that_is_not_allowed_is_refused(host: str) -> None:
    answer = Client().get("/accounts/login/", headers={"host": host})

    assert answer.status_code == 400


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_request_behind_a_proxy_that_replaces_the_host_is_not_redirected_for_ever(
    host: str,
) -> None:
    assert location("/accounts/login/", host, x_forwarded_for="203.0.113.7") is None
    assert location("/accounts/login/", "www.lk.example", x_forwarded_for="203.0.113.7")


@pytest.mark.parametrize("written", ["лк.пример.рф", "ЛК.Пример.РФ", "xn--"])
@pytest.mark.parametrize("port", ["", ":8443"])
def test_public_url_in_cyrillic_is_that_of_the_browser_in_punycode(
    settings: Settings, written: str, port: str
) -> None:
    name = "лк.пример.рф".encode("idna").decode()
    written = name if written.startswith("xn--") else written
    settings.PUBLIC_URL = f"https://{written}{port}"
    settings.ALLOWED_HOSTS = [name, "localhost"]

    assert location("/accounts/login/", name) is None
    assert location("/accounts/login/", f"{name}:8443") is None
    assert location("/accounts/login/", "localhost") == f"https://{name}{port}/accounts/login/"


def test_proxy_with_a_host_name_of_its_own_is_not_redirected_for_ever(settings: Settings) -> None:
    """The browser asks at the public host, and the proxy at `web`, which it sends as the host."""
    settings.ALLOWED_HOSTS = ["lk.example", "web"]
    browser, headers = Client(), {"host": "web:8000"}

    first = browser.get("/accounts/login/", headers=headers)
    second = browser.get("/accounts/login/", headers=headers)

    assert (first.status_code, first.headers["Location"]) == (302, f"{PUBLIC}/accounts/login/")
    assert second.status_code == 200
    cookie = first.cookies["ck_redirected"]
    assert (cookie["max-age"], cookie["domain"], cookie["httponly"]) == (10, "", True)
