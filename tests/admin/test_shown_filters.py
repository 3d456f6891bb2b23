"""The admin filters and orders by what its lists show, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import ForeignObjectRel, Model
from django.test import Client, RequestFactory

from cabinets.admin_base import AgeFilter
from cabinets.models import Cabinet, CallSource
from cabinets.sealing import SealedTextField
from calls.admin.personal_data import AS_IT_CAME, MASKS
from calls.models import Call, Delivery
from counters.models import Counter
from integrations.models import YandexAccount
from tests.admin.every_model import admin_url
from tests.calls.ledger import make_call, make_delivery

ALL_MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
LOOKUPS = ("", "__exact", "__startswith", "__regex", "__gt", "__isnull", "__in", "__length")
PERSONAL = {*AS_IT_CAME, *MASKS, "phone"} - {"external_id", "site", "site_host"}


def columns(model: type[Model], depth: int = 2) -> Iterator[str]:
    """Yield every column of the model and, one relation further, of those it is tied to."""
    for field in model._meta.get_fields():
        name = field.get_accessor_name() if isinstance(field, ForeignObjectRel) else field.name
        if name is None:
            continue
        yield field.name
        if field.is_relation and depth > 1 and field.related_model is not None:
            yield from (f"{field.name}__{one}" for one in columns(field.related_model, depth - 1))


def shown_parameters(client: Client, model: type[Model]) -> set[str]:
    """Return the parameters of all links of the list's filters."""
    changelist = client.get(admin_url(model, "changelist")).context["cl"]
    links = [
        str(choice["query_string"])
        for spec in changelist.filter_specs
        for choice in spec.choices(changelist)
    ]
    return {name for link in links for name in parse_qs(urlsplit(link).query, True)}


@pytest.mark.parametrize("model", ALL_MODELS, ids=lambda model: model._meta.label)
def test_list_is_filtered_by_its_shown_filters_only(
    support_client: Client, support: User, model: type[Model]
) -> None:
    request = RequestFactory().get("/admin/")
    request.user = support
    model_admin = admin.site._registry[model]
    # A filter by a relation is shown when there is a choice.
    Group.objects.bulk_create([Group(name="one"), Group(name="two")])
    shown = shown_parameters(support_client, model)

    asked = {f"{column}{lookup}" for column in columns(model) for lookup in LOOKUPS}
    allowed = {one for one in asked | shown if model_admin.lookup_allowed(one, "1", request)}

    assert shown <= allowed
    # A filter of choices also takes whether there is a value, for which it may show no link.
    assert {one for one in allowed - shown if not one.endswith("__isnull")} == set()
    assert {one.split("__")[0] for one in allowed & asked} & PERSONAL <= {"conflict"}


@pytest.mark.parametrize("model", ALL_MODELS, ids=lambda model: model._meta.label)
def test_every_shown_choice_is_answered(support_client: Client, model: type[Model]) -> None:
    changelist = support_client.get(admin_url(model, "changelist")).context["cl"]
    links = [
        str(choice["query_string"])
        for spec in changelist.filter_specs
        for choice in list(spec.choices(changelist))[:2]
    ]

    answers = [support_client.get(admin_url(model, "changelist") + link) for link in links]

    assert {answer.status_code for answer in answers} <= {200}


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (Call, {"phone__startswith": "+79"}),
        (Call, {"raw__comment": "x"}),
        (Call, {"user_id__gt": "a"}),
        (Call, {"_to_field": "phone"}),
        (Delivery, {"call__phone__startswith": "+79"}),
        (Delivery, {"call__raw__icontains": "x"}),
        (Delivery, {"cabinet__call_sources__signing_secrets__secret__gt": "x"}),
        (YandexAccount, {"access_token__startswith": "y0_"}),
        (Counter, {"account__refresh_token__regex": "^1"}),
        (CallSource, {"signing_secrets__secret__startswith": "v1"}),
        (Cabinet, {"calls__phone__startswith": "+79", "_popup": "1"}),
    ],
)
def test_hidden_column_is_no_filter(
    support_client: Client, counter: Counter, model: type[Model], parameters: dict[str, str]
) -> None:
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)
    url = admin_url(model, "changelist")

    answer = support_client.get(url, parameters)
    pressed = support_client.post(
        f"{url}?{'&'.join('='.join(pair) for pair in parameters.items())}",
        {"action": "call_off", "_selected_action": ["1"], "select_across": "1"},
    )

    assert (answer.status_code, pressed.status_code) == (400, 400)


@pytest.mark.parametrize("order", ["1", "-1", "4", "-4", "1.2.3.4.5", "99", "x", "9" * 5000])
def test_list_is_ordered_by_no_column_that_is_no_link(
    support_client: Client, counter: Counter, order: str
) -> None:
    first = make_call(cabinet=counter.cabinet, phone="+79169999999", external_id="b")
    second = make_call(cabinet=counter.cabinet, phone="+79160000000", external_id="a")

    answer = support_client.get(admin_url(Call, "changelist"), {"o": order})

    assert [one.pk for one in answer.context["cl"].result_list] == [second.pk, first.pk]


@pytest.mark.parametrize("model", ALL_MODELS, ids=lambda model: model._meta.label)
def test_search_reads_no_sealed_and_no_personal_column(model: type[Model]) -> None:
    sealed = {
        field.name
        for one in ALL_MODELS
        for field in one._meta.get_fields()
        if isinstance(field, SealedTextField)
    }
    assert {"secret", "access_token", "refresh_token"} <= sealed

    searched = {
        part for name in admin.site._registry[model].search_fields for part in name.split("__")
    }

    assert searched & (sealed | PERSONAL | {"password"}) == set()


def test_autocomplete_of_a_call_finds_by_no_part_of_a_phone(
    support_client: Client, counter: Counter
) -> None:
    make_delivery(call=make_call(cabinet=counter.cabinet, phone="+79161234567"), counter=counter)
    asked = {"app_label": "calls", "model_name": "delivery", "field_name": "call", "term": "7916"}

    answer = support_client.get("/admin/autocomplete/", asked)

    assert answer.json()["results"] == []


def test_every_filter_by_age_is_allowed(support_client: Client) -> None:
    for model, model_admin in admin.site._registry.items():
        ages = [one for one in model_admin.list_filter if isinstance(one, type)]
        if any(issubclass(one, AgeFilter) for one in ages):
            answer = support_client.get(admin_url(model, "changelist"), {"age": "all"})
            assert answer.status_code == 200
