"""The site of a call is the first field that is a host."""

from __future__ import annotations

from typing import Any

import pytest

from calls.ingest.parsing import sites
from counters.hosts import normalise_host
from tests.calls.ingest.parsing.parsed import read
from tests.calls.ingest.parsing.reports import BASE, REPORTS


@pytest.mark.parametrize("report", REPORTS["sites"], ids=lambda report: str(report["fields"]))
def test_site_of_the_reports(report: dict[str, Any]) -> None:
    call = read(**(BASE | {"callPage": ""} | report["fields"]))

    assert [call.site, call.site_host] == report["right"]


@pytest.mark.parametrize(
    ("fields", "site", "host"),
    [
        ({"site": "mysite.ru; other.ru"}, "mysite.ru", "mysite.ru"),
        ({"site": "mysite.ru other.ru"}, "mysite.ru", "mysite.ru"),
        ({"site": "Окна, mysite.ru"}, "mysite.ru", "mysite.ru"),
        ({"site": ["mysite.ru", "other.ru"]}, "mysite.ru", "mysite.ru"),
        ({"site": '["mysite.ru", "other.ru"]'}, "mysite.ru", "mysite.ru"),
        ({"site": {"0": "mysite.ru"}}, "mysite.ru", "mysite.ru"),
        ({"site": "mysite.ru%20"}, "mysite.ru%20", "mysite.ru"),
        ({"callPage": "https%3A%2F%2Fmysite.ru%2Fa"}, "mysite.ru", "mysite.ru"),
        ({"site": "[mysite.ru]"}, "mysite.ru", "mysite.ru"),
        ({"site": "«окна.рф»"}, "окна.рф", "xn--80atjc.xn--p1ai"),
        ({"site": "-", "siteVisit": "mysite.ru"}, "mysite.ru", "mysite.ru"),
        ({"site": "Виджет", "host": "mysite.ru"}, "mysite.ru", "mysite.ru"),
        ({"site": "12", "entryPoint": "https://mysite.ru/a"}, "mysite.ru", "mysite.ru"),
        ({"callPage": "/a", "entryPointQuery": "//mysite.ru/?a=1"}, "mysite.ru", "mysite.ru"),
        ({"callPage": "https://окна.рф/"}, "окна.рф", "xn--80atjc.xn--p1ai"),
        ({"site": "10.0.0.1"}, "10.0.0.1", "10.0.0.1"),
        ({"site": "Виджет для mysite.ru"}, "Виджет для mysite.ru", ""),
        ({"site": "Окна Столица (виджет)"}, "Окна Столица (виджет)", ""),
        ({"site": "Виджет", "visitSite": "Форма"}, "Виджет", ""),
        ({"site": "152.9"}, "152.9", ""),
        ({"site": "", "callPage": "index.html"}, "", ""),
        ({"entryPointQuery": "utm_source=a.b&yclid=1"}, "", ""),
        ({"site": {"a": "mysite.ru"}}, '{"a": "mysite.ru"}', ""),
        ({"site": {"name": "Кофейня"}}, '{"name": "Кофейня"}', ""),
        ({"site": [{"name": "Кофейня"}]}, '[{"name": "Кофейня"}]', ""),
        ({"site": {"a": 1}, "host": "mysite.ru"}, "mysite.ru", "mysite.ru"),
        ({"site": {}, "host": []}, "", ""),
        ({"site": "info@coffee-co.example"}, "info@coffee-co.example", ""),
        ({"site": "mailto:info@coffee-co.example"}, "mailto:info@coffee-co.example", ""),
        ({"site": "info@coffee-co.example", "host": "mysite.ru"}, "mysite.ru", "mysite.ru"),
        ({"site": "info@a.example, mysite.ru"}, "mysite.ru", "mysite.ru"),
        ({"callPage": "mysite.ru/?mail=a@b.example"}, "mysite.ru", "mysite.ru"),
        ({"site": "https://user@mysite.ru/"}, "https://user@mysite.ru/", "mysite.ru"),
        ({}, "", ""),
    ],
)
def test_first_host_is_the_site(fields: dict[str, Any], site: str, host: str) -> None:
    call = read(**fields)

    assert (call.site, call.site_host) == (site, host)


@pytest.mark.parametrize(
    "site",
    [
        "1," * 50_000,
        "a.b " * 25_000,
        ["1"] * 25_000,
        "%31;" * 25_000,
        [[1], "1,1"] * 10_000,
    ],
)
def test_work_on_a_long_text_is_bounded(monkeypatch: pytest.MonkeyPatch, site: Any) -> None:
    calls: list[str] = []

    def counted(text: str) -> str:
        calls.append(text)
        return normalise_host(text)

    monkeypatch.setattr("calls.ingest.parsing.sites.normalise_host", counted)
    sites.remembered_host.cache_clear()

    read(site=site)

    assert 0 < len(calls) < 5000


@pytest.mark.parametrize(
    ("site", "host"),
    [
        ("https://mysite.ru/?a=" + "x" * 10_000, "mysite.ru"),
        ("Окна, " * 90 + "mysite.ru", "mysite.ru"),
        ("1" * 4086 + ",mysite.com", ""),
        ("1" * 4085 + ",mysite.com", "mysite.com"),
    ],
)
def test_site_of_a_long_text(site: str, host: str) -> None:
    assert read(site=site).site_host == host
