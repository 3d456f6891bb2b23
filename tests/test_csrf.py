"""No form is taken without its token: every address refuses it and changes nothing."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent
from counters.models import Counter
from tests.admin.every_model import MODELS, admin_url
from tests.site import address, routes, set_up

#: Signed by its source, or at a secret address; programs have no form.
SIGNED = {"calls:ingest", "calls:hook"}


def test_every_form_without_its_token_is_refused(owner: User, counter: Counter) -> None:
    things = set_up(counter)
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)

    answers = {
        name: client.post(address(name, route, things), {"one": "1"}).status_code
        for name, route in dict(routes()).items()
        if name not in SIGNED
    }

    # A page without a form may refuse the method first.
    assert {name: status for name, status in answers.items() if status not in (403, 405)} == {}
    assert list(answers.values()).count(403) > 30
    assert not AuditEvent.objects.exists()


def test_every_form_of_the_admin_without_its_token_is_refused(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))

    answers = [client.post(admin_url(model, "changelist"), {"action": "x"}) for model in MODELS]
    answers.append(client.post(reverse("admin:logout")))

    assert {answer.status_code for answer in answers} == {403}
    assert not AuditEvent.objects.exists()
