"""Markup in any text of the database reaches no page of the cabinet or of the admin as markup.

Columns come from the models and pages from the resolver, so that new ones are tried as well.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, JSONField, Model, TextField
from django.test import Client
from django.utils.html import escape

from cabinets import audit
from cabinets.models import AuditEvent
from cabinets.sealing import SealedTextField
from counters.models import Counter
from tests.admin.conftest import create_all as create_all
from tests.admin.conftest import support as support
from tests.admin.conftest import support_client as support_client
from tests.admin.every_model import MODELS, CreateAll, admin_url, list_url
from tests.integrations.conftest import yandex_id as yandex_id
from tests.integrations.yandex_id import YandexId
from tests.personal_data import personal_call
from tests.site import address, routes, set_up

#: Leaves a text, a script, an attribute in either quotes or in none, and a template.
MARKUP = "'\"></script><i xss>{{ 71910007|add:1 }}' onxss=1 \" onxss=1 "
#: Fits into columns of a few characters.
SHORT = "\"'><i xss>"
#: Runs when a page makes a link of a text.
LINK = "javascript:alert(1)//"
#: Attributes that lead somewhere, or are run.
LEADING = {"href", "src", "action", "formaction", "srcdoc", "data", "hx-get", "hx-post"}
#: Have a meaning of their own: codes, keys, hosts of ours.
MEANING = re.compile(
    "zone|state|reason|marker|sha256|hash|status|currency|region|kind|public_id|uid|webhook_id|object_type|second|slot|external_id|^expected$|^result$"
)


class Page(HTMLParser):
    """Collects what a browser would take for markup of ours: our tag, attribute, or link."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            is_link = name in LEADING and (value or "").strip().lower().startswith("javascript:")
            if name in ("xss", "onxss") or is_link:
                self.found.append(f"<{tag} {name}={value}>")


def marked(value: Any, payload: str) -> Any:
    """Return a JSON value of the same shape with the payload for each text and as one more key."""
    if isinstance(value, dict):
        return {key: marked(one, payload) for key, one in value.items()} | {payload: payload}
    if isinstance(value, list):
        return [marked(one, payload) for one in value]
    return payload if isinstance(value, str) else value


def free_texts(row: Model, payload: str) -> dict[str, Any]:
    """Return the payload for each column of the row that takes any text."""
    found: dict[str, Any] = {}
    unique = {name for one in row._meta.total_unique_constraints for name in one.fields}
    for field in row._meta.concrete_fields:
        is_key = field.primary_key or field.unique or isinstance(field, SealedTextField)
        if is_key or field.choices or MEANING.search(field.name):
            continue
        if isinstance(field, CharField | TextField):
            text = payload if (field.max_length or 999) >= len(payload) else SHORT
            if field.name in unique:
                text += str(row.pk)
            if (field.max_length or 999) >= len(text):
                found[field.name] = text
        if isinstance(field, ArrayField) and field.name in ("tags", "campaigns", "site_hosts"):
            found[field.name] = [payload]
        if isinstance(field, JSONField):
            found[field.name] = marked(getattr(row, field.name), payload)
    return found


def write_payloads(payload: str) -> set[str]:
    """Write the payload wherever it fits; return the names of the columns."""
    written: set[str] = set()
    for model in MODELS:
        if model._meta.label in ("cabinets.AuditEvent", "calls.CallKey"):
            continue  # append-only; unique
        for row in model._default_manager.all():
            fields = free_texts(row, payload)
            if fields:
                model._default_manager.filter(pk=row.pk).update(**fields)
            written |= {f"{model._meta.model_name}.{name}" for name in fields}
    return written


def with_markup(client: Client, urls: list[str]) -> dict[str, list[str]]:
    answers = {url: client.get(url) for url in urls}
    whole = {url: one for url, one in answers.items() if not one.streaming}
    texts = {url: one.content.decode(errors="replace") for url, one in whole.items()}
    pages = {url: text for url, text in texts.items() if "html" in answers[url]["Content-Type"]}
    found = {url: Page(text).found for url, text in pages.items()}
    found |= {url: ["a template ran"] for url, text in pages.items() if "71910008" in text}
    return {url: marks for url, marks in found.items() if marks}


@pytest.mark.parametrize("payload", [MARKUP, LINK], ids=["markup", "link"])
def test_markup_is_escaped_on_every_page(
    create_all: CreateAll,
    counter: Counter,
    owner_client: Client,
    support_client: Client,
    support: User,
    yandex_id: YandexId,
    payload: str,
) -> None:
    things, rows = set_up(counter), create_all()
    personal_call(counter)
    columns = write_payloads(payload)
    assert {
        "call.page_url",
        "call.raw",
        "counter.name",
        "call.tags",
        "delivery.compared",
    } <= columns
    change: dict[str, Any] = {"before": {payload: payload}, "after": {"sites": [payload]}}
    event = audit.log_change(
        cabinet=counter.cabinet, actor=support, action="x", subject=counter, **change
    )

    cabinet = [address(name, route, things) for name, route in dict(routes()).items()]
    admin_pages = [list_url(model) for model in MODELS]
    admin_pages += [admin_url(type(row), "change", row.pk) for row in rows.values()]

    admin_pages.append(admin_url(AuditEvent, "change", event.pk))

    assert with_markup(owner_client, cabinet) == {}
    assert with_markup(support_client, admin_pages) == {}
    # The payload is there, escaped.
    for url in (list_url(Counter), admin_url(AuditEvent, "change", event.pk)):
        shown = support_client.get(url).content.decode()
        assert escape(payload)[:30] in shown


@pytest.mark.parametrize(
    "page",
    [
        "<p><i xss></i></p>",
        '<a title="" onxss=1 >',
        "<script>let a = '</script><i xss>'</script>",
        '<a href=" JavaScript:alert(1)//">',
    ],
)
def test_markup_would_be_found(page: str) -> None:
    assert len(Page(page).found) == 1


def test_escaped_markup_is_no_markup() -> None:
    assert Page(f'<a title="{escape(MARKUP)}">{escape(MARKUP)} {LINK}</a>').found == []
