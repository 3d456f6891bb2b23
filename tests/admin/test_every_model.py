"""Checks of all models: each has a read-only page without secrets and with few queries."""

from __future__ import annotations

import re

import pytest
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

#: Models that may be edited in the admin.
EDITABLE = {"cabinets.Cabinet", "cabinets.Membership", "cabinets.CallSource"}


def test_every_model_has_an_admin_page(create_all: CreateAll) -> None:
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]

    assert sorted(model._meta.label for model in models) == [one._meta.label for one in MODELS]
    assert set(create_all()) == {model._meta.label for model in models}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_list_of_three_rows_makes_as_many_queries_as_of_one(
    support_client: Client, create_all: CreateAll, model: type[Model]
) -> None:
    create_all()
    with CaptureQueriesContext(connection) as for_few:
        assert support_client.get(list_url(model)).status_code == 200

    create_all()
    create_all()
    with CaptureQueriesContext(connection) as for_more:
        answer = support_client.get(list_url(model))

    assert len(for_more) == len(for_few) <= 8
    assert answer.context["cl"].result_count >= (1 if model is Cabinet else 3)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_page_shows_no_secret_and_has_no_inline_script_or_style(
    support_client: Client, create_all: CreateAll, model: type[Model]
) -> None:
    one = create_all()[model._meta.label]
    secrets = [
        CODE_VERIFIER,
        PULL_KEY,
        "nobody-may-read",
        factories.SECRET,
        "y0_TestAccessToken",
        ":secret:part",
    ]

    for url in (list_url(model), admin_url(model, "change", one.pk)):
        page = support_client.get(url)

        text = page.content.decode()
        assert page.status_code == 200
        assert [secret for secret in secrets if secret in text] == []
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|\sstyle=\"|\son[a-z]+=\"", text) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_models_are_read_only_but_for_three(
    support_client: Client, create_all: CreateAll, model: type[Model]
) -> None:
    one = create_all()[model._meta.label]
    label = model._meta.label

    delete = support_client.post(admin_url(model, "delete", one.pk), {"post": "yes"})
    change = support_client.post(admin_url(model, "change", one.pk), {})

    if label == "cabinets.Membership":
        assert delete.status_code == 302
        assert AuditEvent.objects.filter(action="membership.deleted").count() == 1
    else:
        assert delete.status_code == 403
        assert change.status_code == (200 if label in EDITABLE else 403)
        assert model._default_manager.filter(pk=one.pk).exists()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("term", ["Окна 12-34", "'\"%", "9" * 30])
def test_search_for_any_text_is_answered(
    support_client: Client, create_all: CreateAll, model: type[Model], term: str
) -> None:
    create_all()
    if not admin.site._registry[model].search_fields:
        return

    answer = support_client.get(admin_url(model, "changelist"), {"q": term})

    assert answer.status_code == 200
