"""Labels of the admin: Russian, the same as in the cabinet, with exact or bounded counts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse

from cabinets import admin_base
from calls.models import Call, Upload
from calls.states import UploadState
from counters.models import Counter
from tests.admin.every_model import MODELS
from tests.calls.ledger import make_call, make_upload

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
#: Names that Russian users write in Latin letters, too.
NAMES_AS_THEY_ARE = {"ClientID", "UserID", "Yclid", "ID"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_column_has_a_russian_heading(model: type[Model]) -> None:
    request: Any = RequestFactory().get("/admin/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    model_admin = admin.site._registry[model]

    names = [name for name in model_admin.get_list_display(request) if name != "__str__"]
    headings = {str(label_for_field(name, model, model_admin)) for name in names}

    foreign = {heading for heading in headings if not CYRILLIC.search(heading)}
    assert foreign <= NAMES_AS_THEY_ARE


def test_every_section_of_the_index_has_a_russian_title(support_client: Client) -> None:
    sections = support_client.get(reverse("admin:index")).context["app_list"]

    titles = [str(section["name"]) for section in sections]
    assert [title for title in titles if not CYRILLIC.search(title)] == []


def test_file_of_static_calls_has_the_state_of_the_cabinet(
    support_client: Client, counter: Counter
) -> None:
    upload: Upload = make_upload(counter=counter, state=UploadState.LINKAGE_FAILURE, is_static=True)

    page = support_client.get(
        reverse("admin:calls_upload_change", args=[upload.pk])
    ).content.decode()

    assert "Обработана Метрикой" in page
    assert "Принята, визиты не найдены" not in page


def test_list_says_when_its_count_is_bounded(
    support_client: Client, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        make_call(cabinet=counter.cabinet)
    url = reverse("admin:calls_call_changelist")

    monkeypatch.setattr(admin_base, "MAX_COUNTED", 2)
    bounded = support_client.get(url).content.decode()
    monkeypatch.setattr(admin_base, "MAX_COUNTED", 3)
    counted = support_client.get(url).content.decode()

    assert f"больше 2 {Call._meta.verbose_name_plural}" in bounded
    assert "больше" not in counted
    assert f"3 {Call._meta.verbose_name_plural}" in counted
