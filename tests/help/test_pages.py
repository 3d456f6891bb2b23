"""Help: a page for every code and none for any other, in both languages, and what it says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from cabinets.help_links import help_url
from calls.decision.reasons import REASONS
from calls.ingest.error_codes import OF_RECORDS, OF_REQUESTS
from calls.states import Attention
from help.texts import FOLDER, LANGUAGES, SECTIONS, HelpPage, pages_of
from notices.kinds import Kind

#: Topics that no code stands for, and states of a call that are worth a page.
TOPICS = {
    *("linked", "appearance", "reports", "goals", "direct", "identifiers", "static_dynamic"),
    *("report_details", "report_sources", "report_quality"),
    *("client_id_form", "absent_in_logs"),
    *("corrections", "unmatched", "partly_linked", "link_unknown", "accepted_static"),
}
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
LATIN = re.compile("[a-z]", re.IGNORECASE)


def codes() -> set[str]:
    """Return every code that the product shows with a sentence."""
    return {*REASONS, *Attention.values, *Kind.values, *OF_REQUESTS, *OF_RECORDS}


def texts(page: HelpPage) -> list[str]:
    return [page.title, page.means, page.why, *page.do, page.example]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_those_of_the_codes_and_topics(language: str) -> None:
    written = set(pages_of(language))

    assert codes() | TOPICS == written
    assert not codes() & TOPICS


def test_both_languages_have_the_same_pages_with_the_same_links() -> None:
    russian, english = (pages_of(one) for one in LANGUAGES)

    assert [(one.code, one.section, one.see) for one in russian.values()] == [
        (one.code, one.section, one.see) for one in english.values()
    ]
    assert {code for page in russian.values() for code in page.see} <= set(russian)
    assert [page.code for page in russian.values() if page.code in page.see] == []


def test_no_code_is_in_two_files() -> None:
    files = {path.stem for path in FOLDER.rglob("*.toml")}
    written = [code for path in (FOLDER / "ru").glob("*.toml") for code in in_file(path)]

    assert files == set(SECTIONS)
    assert len(written) == len(set(written))


def in_file(path: Path) -> list[str]:
    return list(tomllib.loads(path.read_text(encoding="utf-8")))


def test_every_part_is_written_in_its_language() -> None:
    russian, english = (pages_of(one).values() for one in LANGUAGES)

    assert [page.code for page in [*russian, *english] if not all(texts(page)) or not page.do] == []
    # An example may be nothing but a header or a value.
    said = [(page.code, text) for page in russian for text in texts(page)[:-1]]
    assert [one for one in said if not CYRILLIC.search(one[1])] == []
    assert [page.code for page in english if CYRILLIC.search(" ".join(texts(page)))] == []
    assert all(
        text.endswith(".") for page in [*russian, *english] for text in (page.means, page.why)
    )


def test_page_says_more_than_the_sentence_beside_it() -> None:
    sentences = {code: str(one.sentence) for code, one in REASONS.items()}
    sentences |= {one.value: str(one.sentence) for one in Attention}

    pages = pages_of("ru")
    repeated = [code for code, text in sentences.items() if text in " ".join(texts(pages[code]))]
    assert repeated == []


@pytest.mark.django_db
def test_page_is_read_without_signing_in_in_either_language(client: Client) -> None:
    russian = client.get(help_url("bad_signature"))
    english = client.get(f"{help_url('bad_signature')}?lang=en")

    assert (russian.status_code, english.status_code) == (200, 200)
    page, translated = (pages_of(one)["bad_signature"] for one in LANGUAGES)
    for answer, one in ((russian, page), (english, translated)):
        assert all(text in answer.content.decode() for text in (one.title, one.means, one.do[0]))
    assert '<html lang="en"' in english.content.decode()
    assert f'href="{help_url("stale_timestamp")}?lang=en"' in english.content.decode()
    # The language of one answer is not that of the next.
    assert '<html lang="ru"' in client.get(reverse("help:index")).content.decode()


@pytest.mark.django_db
def test_contents_lead_to_every_page_and_an_unknown_code_to_none(client: Client) -> None:
    contents = client.get(reverse("help:index")).content.decode()

    assert {code for code in pages_of("ru") if f'href="{help_url(code)}"' not in contents} == set()
    assert client.get(help_url("no_such_code")).status_code == 404
    assert client.get(f"{help_url('linked')}?lang=de").status_code == 200
    assert client.post(help_url("linked")).status_code == 405
