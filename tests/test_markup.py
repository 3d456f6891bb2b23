"""Markup in any text of the database reaches no page of the cabinet or of the admin as markup.

Columns come from the models and pages from the resolver, so that new ones are tried as well.
"""

from __future__ import annotations

import re
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, Model, TextField
from django.test import Client

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

#: Leaves a text, an attribute in either quotes, and a script.
PAYLOAD = "'\"></script><i xss>"
#: Have a meaning of their own: codes, keys, hosts of ours.
MEANING = re.compile(
    "zone|state|reason|marker|sha256|hash|status|currency|region|kind|public_id|uid|webhook_id|object_type|second|slot|external_id"
)


def free_texts(model: type[Model]) -> dict[str, Any]:
    """Return the payload for each column of the model that takes any text."""
    found: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        is_key = field.primary_key or field.unique or isinstance(field, SealedTextField)
        if is_key or field.choices or MEANING.search(field.name):
            continue
        if isinstance(field, CharField | TextField) and (field.max_length or 999) >= len(PAYLOAD):
            found[field.name] = PAYLOAD
        if isinstance(field, ArrayField) and field.name in ("tags", "campaigns", "site_hosts"):
            found[field.name] = [PAYLOAD]
    return found


def write_payloads() -> int:
    count = 0
    for model in MODELS:
        fields = free_texts(model)
        if model._meta.label in ("cabinets.AuditEvent", "calls.CallKey") or not fields:
            continue  # append-only; unique
        for row in model._default_manager.all():
            model._default_manager.filter(pk=row.pk).update(**fields)
            count += 1
    return count


def with_markup(client: Client, urls: list[str]) -> list[str]:
    answers = {url: client.get(url) for url in urls}
    texts = {url: one.content.decode() for url, one in answers.items() if not one.streaming}
    pages = {url: text for url, text in texts.items() if "html" in answers[url]["Content-Type"]}
    return [url for url, text in pages.items() if "<i xss>" in text]


def test_markup_is_escaped_on_every_page(
    create_all: CreateAll,
    counter: Counter,
    owner_client: Client,
    support_client: Client,
    yandex_id: YandexId,
) -> None:
    things, rows = set_up(counter), create_all()
    personal_call(counter)
    assert write_payloads() > 10

    cabinet = [address(name, route, things) for name, route in dict(routes()).items()]
    admin_pages = [list_url(model) for model in MODELS]
    admin_pages += [admin_url(type(row), "change", row.pk) for row in rows.values()]

    assert with_markup(owner_client, cabinet) == []
    assert with_markup(support_client, admin_pages) == []
    # The payload is there, escaped.
    assert "&lt;i xss&gt;" in support_client.get(list_url(Counter)).content.decode()
