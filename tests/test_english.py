"""English: a complete catalogue with right placeholders, and pages without a Russian word."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from accounts.models import Preference
from counters.models import Counter
from devtools.tools.messages import messages_of_product, read_catalogue, untranslated
from tests import factories
from tests.integrations.conftest import yandex_id as yandex_id
from tests.integrations.yandex_id import YandexId
from tests.site import address, routes, set_up

CYRILLIC = re.compile(r"[А-Яа-яЁё]+")
PLACEHOLDER = re.compile(r"%\(\w+\)[.0-9]*[sdf]|%[sdf]|\{\w*\}")
#: Values of the API that senders write in Russian, and the language's own name.
RUSSIAN_VALUES = re.compile(r"“[А-Яа-я ]+”")
OWN_NAME = "Русский"
ROUTES = dict(routes())


def test_catalogue_has_every_text_of_the_product_and_no_other() -> None:
    catalogue = read_catalogue()

    written = {one.key for one in messages_of_product()}
    kept = {(one.context or "", _first(one.id)) for one in catalogue if one.id}

    assert written - kept == set(), "python -m devtools.tools.messages"
    assert kept - written == set(), "python -m devtools.tools.messages"
    assert untranslated(catalogue) == []
    assert [one.id for one in catalogue if one.fuzzy and one.id] == []


def test_translations_have_the_placeholders_of_the_text() -> None:
    wrong = [
        (_first(one.id), text)
        for one in read_catalogue()
        if one.id
        for text in _all(one.string)
        if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(_all(one.id)[-1]))
    ]

    assert wrong == []


def test_translations_are_english() -> None:
    texts = [text for one in read_catalogue() if one.id for text in _all(one.string)]

    assert [text for text in texts if CYRILLIC.search(RUSSIAN_VALUES.sub("", text))] == []


def test_forms_of_a_number_differ_where_english_has_two() -> None:
    """`plural(count, one, few, many)`: the second and the third are the English plural."""
    pairs = [_all(one.string) for one in read_catalogue() if isinstance(one.id, tuple)]

    assert pairs
    assert [one for one in pairs if len(one) != 2 or one[0] == one[1]] == []


@pytest.mark.django_db
def test_no_page_shows_a_russian_word(
    owner_client: Client, counter: Counter, yandex_id: YandexId
) -> None:
    counter.goal = factories.make_goal(counter=counter)
    counter.save(update_fields=["goal"])
    things = set_up(counter)
    Preference.objects.create(user_id=owner_client.session["_auth_user_id"], language="en")

    sent = set(_texts_of(factories.v3_record()))
    found = {
        name: words
        for name, route in ROUTES.items()
        # The status page knows the browser only: tests/integrations/test_outages.py.
        if not route.startswith("api/") and route != "status"
        if (words := _russian(owner_client, address(name, route, things), sent))
    }

    assert found == {}, found


def _russian(client: Client, url: str, sent: set[str]) -> list[str]:
    """Return the Russian words of a page that come from no row and from no record ``sent``."""
    answer = client.get(url)
    if answer.streaming or "html" not in answer.headers.get("Content-Type", ""):
        return []
    page = html.unescape(answer.content.decode()).replace(OWN_NAME, "")
    for text in sorted(_stored_texts() | sent, key=len, reverse=True):
        page = page.replace(text, "")
    return sorted(set(CYRILLIC.findall(page)))


def _stored_texts() -> set[str]:
    rows: Iterator[Any] = (
        list(values.values())
        for model in apps.get_models()
        if model._meta.managed and model._meta.app_label != "auth"
        for values in model._default_manager.values()
    )
    return {text for row in rows for text in _texts_of(row) if CYRILLIC.search(text)}


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts_of(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts_of(one)


def _first(id_: Any) -> str:
    return str(_all(id_)[0])


def _all(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
