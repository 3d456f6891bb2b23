from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counters.hosts import normalise_host, readable_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("okna-stolica.example", "okna-stolica.example"),
        ("  Okna-Stolica.Example ", "okna-stolica.example"),
        ("https://www.okna-stolica.example/balkon?utm=1#top", "okna-stolica.example"),
        ("//okna-stolica.example/path", "okna-stolica.example"),
        ("http://user:secret@okna-stolica.example:8080/", "okna-stolica.example"),
        ("okna-stolica.example.", "okna-stolica.example"),
        ("okna-stolica.example:443", "okna-stolica.example"),
        ("okna-stolica.example?x=1", "okna-stolica.example"),
        ("m.okna-stolica.example", "m.okna-stolica.example"),
        ("www.ru", "www.ru"),
        ("www.www.site.ru", "site.ru"),
        ("www2.site.ru", "www2.site.ru"),
        ("Двери-Столица.РФ", "xn----8sbehgsbx0arnm9c.xn--p1ai"),
        ("https://www.двери-столица.рф/каталог", "xn----8sbehgsbx0arnm9c.xn--p1ai"),
        ("xn----8sbehgsbx0arnm9c.xn--p1ai", "xn----8sbehgsbx0arnm9c.xn--p1ai"),
        ("straße.de", "xn--strae-oqa.de"),
        ("www.STRAßE.de.", "xn--strae-oqa.de"),
        ("xn--strae-oqa.de", "xn--strae-oqa.de"),
        ("βόλος.gr", "xn--nxasmm1c.gr"),
        ("НАЙДИ.рф", "xn--80aimcs.xn--p1ai"),
        ("наи\u0306ди.рф", "xn--80aimcs.xn--p1ai"),  # й in two signs, as a Mac writes it
        ("двери.xn--p1ai", "xn--b1adem3b.xn--p1ai"),
        ("ｗｗｗ.Ｓｉｔｅ。ru", "site.ru"),
        ("\ufeffwww.site.ru", "site.ru"),
        ("my_двери.рф", "xn--my_-hddjhv7d.xn--p1ai"),
        ("☃.net", "xn--n3h.net"),
        ("r3---a.site.ru", "r3---a.site.ru"),
        ("my_shop.site.ru", "my_shop.site.ru"),
        ("192.168.0.1:8000", "192.168.0.1"),
        ("", ""),
        ("-", ""),
        ("сайт", ""),
        ("два слова.рф", ""),
        ("-site.ru", ""),
        ("site..ru", ""),
        ("https://", ""),
        ("[::1]", ""),
        ("a" * 64 + ".ru", ""),
        ("x." * 3000 + "ru", ""),
    ],
)
def test_site_is_normalised_to_its_host(text: str, host: str) -> None:
    assert normalise_host(text) == host


@given(st.text(max_size=300))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise_host(text)

    assert normalise_host(once) == once


def test_readable_host_decodes_punycode() -> None:
    assert readable_host("xn----8sbehgsbx0arnm9c.xn--p1ai") == "двери-столица.рф"
    assert readable_host("okna-stolica.example") == "okna-stolica.example"
    assert readable_host("не хост") == "не хост"
    assert readable_host("xn--strae-oqa.de") == "straße.de"
    assert readable_host("xn--n3h.net") == "☃.net"
    assert readable_host("xn--99999999.ru") == "xn--99999999.ru"


@given(st.text(alphabet="абвßςй☃xn-1", min_size=1, max_size=8).map(lambda name: f"{name}.рф"))
def test_readable_host_normalises_to_the_same_host(address: str) -> None:
    host = normalise_host(address)

    assert normalise_host(readable_host(host)) == host
