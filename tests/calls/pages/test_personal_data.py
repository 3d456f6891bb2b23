"""What a viewer of a cabinet reads of a call's personal data: nothing whole, on any page."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from calls.workbook import CONTENT_TYPE as EXCEL
from counters.models import Counter
from tests import factories
from tests.personal_data import MARKS, deliver, marks_in, personal_call
from tests.site import address, routes, set_up

CABINET = {name: route for name, route in routes() if route.startswith("lk/")}


def read_all(client: Client, counter: Counter) -> str:
    """Return the text of every page of the cabinet about a call with personal data."""
    others = [
        factories.make_counter(account=counter.account, name=name) for name in ("two", "three")
    ]
    things = set_up(counter)
    call = personal_call(counter)
    deliver(call, counter, *others)
    upload = call.deliveries.get(upload__isnull=False).upload_id
    things |= {"call_id": call.pk, "lk/integrations/yandex/uploads/<int:pk>": upload}
    pages = [address(name, route, things) for name, route in CABINET.items()]
    pages += [reverse("calls:history", args=[one.pk]) for one in others]
    pages.append(f"/lk/integrations/calls/{call.pk}?only={others[0].pk}.1")
    answers = [client.get(page) for page in pages]
    texts = [one for one in answers if not one.streaming and one["Content-Type"] != EXCEL]
    return "".join(one.content.decode() for one in texts)


def test_viewer_reads_no_personal_data(viewer_client: Client, counter: Counter) -> None:
    text = read_all(viewer_client, counter)

    assert marks_in(text) == []
    for masked in ("https://okna.example/balkon?***", "***4567", "***0042", "***ring"):
        assert masked in text


def test_owner_reads_them_whole(owner_client: Client, counter: Counter) -> None:
    shown = set(MARKS) - {"said-by-the-client", "916123"}

    assert set(marks_in(read_all(owner_client, counter))) >= shown
