"""Checks of all models: each has a read-only page without secrets and with few queries."""

from __future__ import annotations

import re
from itertools import product

from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cabinets.models import AuditEvent, Cabinet
from tests import factories
from tests.admin.every_model import (
    APPS,
    CODE_VERIFIER,
    MODELS,
    CreateAll,
    admin_url,
    list_url,
)
from tests.factories import PULL_KEY
from tests.odd_values import undone

#: Models that may be edited in the admin.
EDITABLE = {"cabinets.Cabinet", "cabinets.Membership", "cabinets.CallSource"}
#: Searched for in each list: of two words, quotes and a wildcard, a number too large for a column.
TERMS = ("Окна 12-34", "'\"%", "9" * 30)


def test_every_model_has_an_admin_page(create_all: CreateAll) -> None:
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]

    assert sorted(model._meta.label for model in models) == [one._meta.label for one in MODELS]
    assert set(create_all()) == {model._meta.label for model in models}


def test_list_of_three_rows_makes_as_many_queries_as_of_one(
    support_client: Client, create_all: CreateAll
) -> None:
    create_all()
    for_few = {model: queries_of_list(support_client, model) for model in MODELS}
    create_all()
    create_all()

    for_more = {model: queries_of_list(support_client, model) for model in MODELS}

    of_few = {model for model in MODELS if model._default_manager.count() < 3}
    assert of_few <= {Cabinet}
    too_many = {
        model._meta.label: (for_few[model], for_more[model])
        for model in MODELS
        if not for_more[model] == for_few[model] <= 8
    }
    assert too_many == {}


def queries_of_list(client: Client, model: type[Model]) -> int:
    """Return how many queries the list of all rows makes."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(list_url(model))
    shown = answer.context["cl"].result_count
    assert (answer.status_code, shown) == (200, model._default_manager.count()), list_url(model)
    return len(queries)


def test_page_shows_no_secret_and_has_no_inline_script_or_style(
    support_client: Client, create_all: CreateAll
) -> None:
    rows = create_all()
    secrets = [
        CODE_VERIFIER,
        PULL_KEY,
        "nobody-may-read",
        factories.SECRET,
        "y0_TestAccessToken",
        ":secret:part",
    ]
    found = {}
    for model in MODELS:
        for url in (list_url(model), admin_url(model, "change", rows[model._meta.label].pk)):
            page = support_client.get(url)
            text = page.content.decode()
            found[url] = (
                page.status_code,
                [secret for secret in secrets if secret in text],
                re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|\sstyle=\"|\son[a-z]+=\"", text),
            )

    assert len(found) == 2 * len(MODELS)
    assert {url: faults for url, faults in found.items() if faults != (200, [], [])} == {}


def test_models_are_read_only_but_for_three(support_client: Client, create_all: CreateAll) -> None:
    rows = create_all()
    memberships = AuditEvent.objects.filter(action="membership.deleted")
    found = {}
    for model in MODELS:
        label, one = model._meta.label, rows[model._meta.label]
        with undone():
            delete = support_client.post(admin_url(model, "delete", one.pk), {"post": "yes"})
            change = support_client.post(admin_url(model, "change", one.pk), {})
            is_there = model._default_manager.filter(pk=one.pk).exists()
            found[label] = (delete.status_code, change.status_code, is_there, memberships.count())

    # Deleting one is recorded; its form is that of a row which is gone.
    assert found.pop("cabinets.Membership") == (302, 302, False, 1)
    assert found == {label: (403, 200 if label in EDITABLE else 403, True, 0) for label in found}


def test_search_for_any_text_is_answered(support_client: Client, create_all: CreateAll) -> None:
    create_all()
    searched = [model for model in MODELS if admin.site._registry[model].search_fields]

    statuses = {
        (model._meta.label, term): support_client.get(
            admin_url(model, "changelist"), {"q": term}
        ).status_code
        for model, term in product(searched, TERMS)
    }

    assert len(searched) > 20
    assert {what: status for what, status in statuses.items() if status != 200} == {}
