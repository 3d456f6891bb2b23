from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from django.utils import timezone

from counters.models import Counter
from counters.settings.forms import CounterSettingsForm
from tests import factories
from tests.counters.settings_form import filled, posted

INCOMING = Counter.CallKind.INCOMING
CALLBACK = Counter.CallKind.CALLBACK


def test_unchanged_form_has_the_saved_settings(counter: Counter) -> None:
    form = filled(counter, send_calls="True")

    assert form.is_valid(), form.errors
    assert {name: getattr(counter, name) for name in form.settings()} == form.settings()


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"enabled": None}, {"enabled": False}),
        ({"send_calls": "False"}, {"send_calls": False}),
        ({"call_kind": "callback"}, {"call_kind": "callback"}),
        (
            {"call_kind": "incoming", "incoming_kinds": ["static"]},
            {"call_kind": "incoming", "accepts_dynamic": False, "accepts_static": True},
        ),
        (
            {"call_kind": "all", "incoming_kinds": None},
            {"accepts_dynamic": True, "accepts_static": True},
        ),
        ({"min_duration": "0"}, {"min_duration_seconds": 0}),
        ({"min_duration": "86400"}, {"min_duration_seconds": 86400}),
        ({"call_status": "fail"}, {"call_status": "fail"}),
        ({"uniqueness": "unique_target"}, {"uniqueness": "unique_target"}),
        ({"defer_value": "20", "defer_unit": "hours"}, {"defer_value": 20, "defer_unit": "hours"}),
        ({"tag_mode": "none"}, {"tag_mode": "none"}),
        (
            {"tag_mode": "manual", "manual_tag_callback": " ОЗ ", "manual_tag_incoming": "КТ"},
            {"tag_mode": "manual", "manual_tag_callback": "ОЗ", "manual_tag_incoming": "КТ"},
        ),
        (
            {"tag_mode": "manual", "call_kind": CALLBACK, "manual_tag_callback": "ОЗ"},
            {"manual_tag_callback": "ОЗ", "manual_tag_incoming": ""},
        ),
        (
            {"tag_mode": "manual", "call_kind": INCOMING, "manual_tag_incoming": "КТ"},
            {"manual_tag_callback": "", "manual_tag_incoming": "КТ"},
        ),
        (
            {"site_mode": "list", "sites": "https://www.Site.ru/a\n\n двери-столица.рф\r\nsite.ru"},
            {"site_mode": "list", "site_hosts": ["site.ru", "xn----8sbehgsbx0arnm9c.xn--p1ai"]},
        ),
        ({"campaigns": "1000\nРаспродажа\n1000\n"}, {"campaigns": ["1000", "Распродажа"]}),
        (
            {"price": "1 500,50", "currency": "USD"},
            {"price": Decimal("1500.50"), "currency": "USD"},
        ),
        ({"price": "1500.5"}, {"price": Decimal("1500.5")}),
        ({"price": "0"}, {"price": Decimal(0)}),
        ({"price": ""}, {"price": None}),
        ({"phone_mode": "masked"}, {"phone_mode": "masked"}),
        (
            {"identifier_order": "UserId,Yclid,ClientId"},
            {"identifier_order": ["UserId", "Yclid", "ClientId"]},
        ),
        ({"unlinked_mode": "skip"}, {"unlinked_mode": "skip"}),
        ({"with_subdomains": "on"}, {"with_subdomains": True}),
        ({"with_subdomains": None}, {"with_subdomains": False}),
        ({"skip_technical": None}, {"skip_technical": False}),
        ({"last_attempt_only": None}, {"last_attempt_only": False}),
    ],
)
def test_typed_values_become_columns(
    counter: Counter, changes: dict[str, Any], columns: dict[str, Any]
) -> None:
    form = filled(counter, **changes)

    assert form.is_valid(), form.errors
    saved = form.settings()
    assert {name: saved[name] for name in columns} == columns


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        (
            {"min_duration": ""},
            "min_duration_seconds",
            "Введите число секунд; 0 — отправлять все звонки.",
        ),
        ({"min_duration": "-1"}, "min_duration_seconds", "Не меньше 0 секунд."),
        ({"min_duration": "86401"}, "min_duration_seconds", "Не больше 86400 секунд: это сутки."),
        ({"min_duration": "1.5"}, "min_duration_seconds", "Введите целое число."),
        ({"min_duration": "минута"}, "min_duration_seconds", "Введите целое число."),
        (
            {"defer_value": "21"},
            "defer_value",
            "Не больше 20: Метрика привязывает звонки к визитам 21 день.",
        ),
        ({"defer_value": "-1"}, "defer_value", "Не меньше 0."),
        ({"defer_value": ""}, "defer_value", "Введите число; 0 — отправлять сразу."),
        (
            {"call_kind": "incoming", "incoming_kinds": None},
            "incoming_kinds",
            "Выберите хотя бы один вид входящих звонков.",
        ),
        (
            {"tag_mode": "manual", "manual_tag_incoming": "КТ"},
            "manual_tag_callback",
            "Введите тег или выберите другой способ тегирования.",
        ),
        (
            {"tag_mode": "manual", "manual_tag_callback": "ОЗ", "manual_tag_incoming": "  "},
            "manual_tag_incoming",
            "Введите тег или выберите другой способ тегирования.",
        ),
        ({"site_mode": "list", "sites": " \n"}, "site_hosts", "Укажите хотя бы один сайт."),
        (
            {"site_mode": "list", "sites": "site.ru\nдва слова"},
            "site_hosts",
            "«два слова» не похоже на адрес сайта. Пример: site.ru",
        ),
        ({"campaigns": "\n".join(map(str, range(201)))}, "campaigns", "Не больше 200 строк."),
        (
            {"campaigns": "к" * 256},
            "campaigns",
            f"Строка «{'к' * 40}…» слишком длинная.",
        ),
        ({"price": "дорого"}, "price", "Введите сумму числом, например 1500 или 1500,50."),
        ({"price": "-1"}, "price", "Сумма не может быть отрицательной."),
        ({"price": "1,555"}, "price", "Не больше двух знаков после запятой."),
        ({"price": "99999999999"}, "price", "Слишком большая сумма."),
        ({"price": "NaN"}, "price", "Введите сумму числом, например 1500 или 1500,50."),
    ],
)
def test_invalid_value_has_an_error_at_its_field(
    counter: Counter, changes: dict[str, Any], field: str, sentence: str
) -> None:
    form = filled(counter, **changes)

    assert not form.is_valid()
    assert form.errors == {field: [sentence]}


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "руб"},
        {"identifier_order": "ClientId,ClientId,UserId"},
        {"identifier_order": "ClientId"},
        {"call_kind": "fax"},
        {"site_mode": "other"},
        {"goal": "999999"},
        {"goal": "x"},
        {"send_calls": ""},
        {"version": "0"},
        {"version": ""},
    ],
)
def test_forged_values_are_refused(counter: Counter, changes: dict[str, Any]) -> None:
    form = filled(counter, **changes)

    assert not form.is_valid()
    assert set(form.errors) == set(changes)


def test_goal_choices_have_name_and_identifier(counter: Counter) -> None:
    goal = factories.make_goal(counter=counter, identifier="call", name="Обратный звонок")
    factories.make_goal(counter=counter, name="Старая", deleted_at=timezone.now())
    factories.make_goal(counter=factories.make_counter(account=counter.account), name="Чужая")

    form = CounterSettingsForm(counter=counter)

    assert list(form["goal"].field.choices) == [  # type: ignore[attr-defined]  # a choice field
        ("", "Не указано"),
        (goal.pk, "Обратный звонок (call)"),
    ]
    assert filled(counter, goal=str(goal.pk)).is_valid()


def test_chosen_goal_that_was_deleted_can_be_kept_or_cleared(
    counter: Counter,
) -> None:
    goal = factories.make_goal(counter=counter, name="Звонок", deleted_at=timezone.now())
    counter.goal = goal
    counter.save(update_fields=["goal"])

    kept, cleared = filled(counter), filled(counter, goal="")

    assert (goal.pk, "Звонок — цель удалена") in list(kept.fields["goal"].choices)  # type: ignore[attr-defined]  # a choice field
    assert kept.is_valid()
    assert kept.settings()["goal"] == goal
    assert cleared.is_valid()
    assert cleared.settings()["goal"] is None


def test_stored_values_are_shown_in_readable_form(counter: Counter) -> None:
    counter.site_hosts = ["site.ru", "xn----8sbehgsbx0arnm9c.xn--p1ai"]
    counter.campaigns = ["1000", "Распродажа"]
    counter.price = Decimal("1500.50")
    counter.currency = "UAH"

    form = CounterSettingsForm(counter=counter)

    assert form["site_hosts"].value() == "site.ru\nдвери-столица.рф"
    assert form["campaigns"].value() == "1000\nРаспродажа"
    assert form["price"].value() == "1500,50"
    assert form["identifier_order"].value() == "ClientId,Yclid,UserId"
    assert "ClientId, затем Yclid, затем UserId" in str(form["identifier_order"])
    assert ("UAH", "UAH") in form.fields["currency"].choices  # type: ignore[attr-defined]  # a choice field


def test_empty_request_has_an_error_for_every_required_field(counter: Counter) -> None:
    form = CounterSettingsForm(QueryDict(), counter=counter)

    assert not form.is_valid()
    assert {"send_calls", "call_kind", "min_duration_seconds", "version"} <= set(form.errors)


def test_all_values_of_a_repeated_parameter_are_read(counter: Counter) -> None:
    data = QueryDict(mutable=True)
    for name, value in posted(counter, call_kind="incoming").items():
        data.setlist(name, value if isinstance(value, list) else [value])

    form = CounterSettingsForm(data, counter=counter)

    assert form.is_valid(), form.errors
    assert (form.settings()["accepts_dynamic"], form.settings()["accepts_static"]) == (True, True)
