"""Odd values for parameters, escaped as they stand in an address, and what a page reads of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock
from urllib.parse import quote

from django.db import transaction
from django.forms import BaseForm
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

#: NUL, bytes that are no UTF-8, half of a surrogate pair.
UNREADABLE = ("%00", "a%FF", "%ED%A0%80")
NUMBERS = ("-1", "9" * 40, "9" * 5000, "²")
DATES = ("9999-12-31", "0001-01-01")
CURSORS = (f"-{'9' * 18}.1.1", f"1.{'9' * 30}.1")
TEXTS = (quote("\u2028\x1b[31m\r\n<b>'\"%s{}") + "a" * 2000, "")
VALUES = (*UNREADABLE, *NUMBERS, *DATES, *TEXTS)
#: One of each kind that passes the middleware, for parameters that are read elsewhere as well.
FEW_VALUES = ("9" * 40, "9" * 5000, "²", "9999-12-31")
#: What the resolver takes for a number in a path, or the admin for a key.
KEYS = ("9" * 19, "9" * 40, "9" * 5000, "%00", "%ED%A0%80", "_00")

_READERS = ("get", "getlist", "__getitem__")


@contextmanager
def recorded_names() -> Iterator[set[str]]:
    """Collect the names of the parameters that views and forms read from a request."""
    names: set[str] = set()

    def spied(original: Callable[..., Any]) -> Callable[..., Any]:
        def read(data: Any, name: Any, *rest: Any, **kwargs: Any) -> Any:
            if isinstance(data, QueryDict):
                names.add(str(name))
            return original(data, name, *rest, **kwargs)

        return read

    of_form: Callable[..., Any] = vars(BaseForm)["_widget_data_value"]

    def form_value(form: BaseForm, widget: Any, name: str) -> Any:
        names.add(name)
        return of_form(form, widget, name)

    with ExitStack() as patches:
        for name in _READERS:
            reader = spied(vars(MultiValueDict)[name])
            patches.enter_context(mock.patch.object(MultiValueDict, name, reader))
        patches.enter_context(mock.patch.object(BaseForm, "_widget_data_value", form_value))
        yield names


@contextmanager
def refused_fields() -> Iterator[set[str]]:
    """Collect the names of the fields in which the forms of a request found an error."""
    names: set[str] = set()
    clean: Callable[[BaseForm], None] = vars(BaseForm)["full_clean"]

    def spied(form: BaseForm) -> None:
        clean(form)
        names.update(form.add_prefix(one) for one in form.errors)

    with mock.patch.object(BaseForm, "full_clean", spied):
        yield names


@contextmanager
def undone() -> Iterator[None]:
    """Undo in the end whatever was written."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
