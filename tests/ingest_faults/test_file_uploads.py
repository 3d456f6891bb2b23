"""Files of people through the real web server: larger than its memory for other bodies."""

from __future__ import annotations

import pytest
import requests
from django.conf import settings
from django.test import Client
from django.urls import reverse

from cabinets.models import Membership
from calls.models import FileImport, FilePiece
from calls.ways.imports.files import PIECE_BYTES
from tests import factories
from tests.faults.scenario import Scenario
from tests.ingest_faults.web_server import WebServer

pytestmark = pytest.mark.django_db(transaction=True)
#: More than a request to the API may have.
SIZE = settings.INGEST_MAX_BYTES + 3 * PIECE_BYTES


def test_file_of_a_person_is_stored_and_that_of_a_stranger_is_not(
    scenario: Scenario, web_server: WebServer
) -> None:
    source = scenario.source
    member = factories.make_member(cabinet=source.cabinet, role=Membership.Role.MANAGER)
    client = Client()
    client.force_login(member)
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    url = f"{web_server.url}{reverse('calls:import-new', args=[source.pk])}"
    data = b"\0x" * (SIZE // 2)

    def post(session: dict[str, str]) -> requests.Response:
        files = {"file": ("a.csv", data)}
        token = session.get(settings.CSRF_COOKIE_NAME, "")
        return requests.post(
            f"{url}?token={token}", files=files, cookies=session, allow_redirects=False, timeout=60
        )

    page = requests.get(url, cookies=cookies, timeout=30)
    signed_in = cookies | page.cookies.get_dict()
    assert post({}).status_code == 302
    assert post({settings.SESSION_COOKIE_NAME: "unknown"}).status_code == 302
    assert not FilePiece.objects.exists()

    answer = post(signed_in)

    assert answer.status_code == 302
    one = FileImport.objects.get()
    assert answer.headers["Location"] == reverse("calls:import", args=[source.pk, one.pk])
    assert (one.state, one.size) == ("uploaded", len(data))
    assert FilePiece.objects.count() == -(-len(data) // PIECE_BYTES)
