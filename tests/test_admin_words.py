"""The support desk speaks Russian, in the words of the cabinet, and does not guess numbers."""

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

from cabinets import admin_base as desks
from calls.models import Call, Upload
from calls.states import UploadState
from counters.models import Counter
from tests.calls.ledger import make_call, make_upload

OURS = ("cabinets", "integrations", "counters", "calls")
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
#: Names that the people at the desk write in these letters themselves.
NAMES_AS_THEY_ARE = {"ClientID", "UserID", "Yclid", "ID"}
MODELS = [model for model in admin.site._registry if model._meta.app_label in OURS]


@pytest.fixture
def desk(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("support"))
    return client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_column_has_a_russian_heading(model: type[Model]) -> None:
    request: Any = RequestFactory().get("/admin/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    desk = admin.site._registry[model]

    names = [name for name in desk.get_list_display(request) if name != "__str__"]
    headings = {str(label_for_field(name, model, desk)) for name in names}

    foreign = {heading for heading in headings if not CYRILLIC.search(heading)}
    assert foreign <= NAMES_AS_THEY_ARE


def test_every_section_of_the_desk_has_a_russian_title(desk: Client) -> None:
    sections = desk.get(reverse("admin:index")).context["app_list"]

    titles = [str(section["name"]) for section in sections]
    assert [title for title in titles if not CYRILLIC.search(title)] == []


def test_a_file_of_static_calls_is_called_as_in_the_cabinet(desk: Client, counter: Counter) -> None:
    upload: Upload = make_upload(counter=counter, state=UploadState.LINKAGE_FAILURE, is_static=True)

    page = desk.get(reverse("admin:calls_upload_change", args=[upload.pk])).content.decode()

    assert "Обработана Метрикой" in page
    assert "Принята, визиты не найдены" not in page


def test_a_list_says_when_it_stopped_counting(
    desk: Client, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        make_call(cabinet=counter.cabinet)
    url = reverse("admin:calls_call_changelist")

    monkeypatch.setattr(desks, "MOST_COUNTED", 2)
    bounded = desk.get(url).content.decode()
    monkeypatch.setattr(desks, "MOST_COUNTED", 3)
    counted = desk.get(url).content.decode()

    assert f"больше 2 {Call._meta.verbose_name_plural}" in bounded
    assert "больше" not in counted
    assert f"3 {Call._meta.verbose_name_plural}" in counted
