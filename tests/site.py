"""Every address of the site as the resolver has it, and something behind each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from cabinets.models import Membership, SigningSecret
from counters.models import Counter
from tests import factories
from tests.calls.call_links import key_of
from tests.calls.ledger import make_backfill, make_call, make_delivery, make_upload
from tests.notices.notices import make_pause

#: Django's own, which has a guard and tests of its own.
ADMIN = "admin:"


def routes(patterns: Any = None, prefix: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name, in its namespace, and the route of every address but those of the admin."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            inner = f"{space}{one.namespace}:" if one.namespace else space
            if inner != ADMIN:
                yield from routes(one.url_patterns, route, inner)
        elif isinstance(one, URLPattern):
            yield f"{space}{one.name}" if one.name else route, route


def set_up(counter: Counter) -> dict[str, Any]:
    """Make one of everything in the counter's cabinet; return what each parameter stands for.

    `pk` means something else in each part of the site, so it stands by the part.
    """
    source = factories.make_source(cabinet=counter.cabinet)
    secret = SigningSecret.objects.create(source=source, slot=2, secret=factories.SECRET)
    factories.make_pull(source=source)
    factories.make_received(source=source, record=factories.v3_record())
    template = factories.make_template(cabinet=counter.cabinet)
    file_import = factories.make_import(source=source)
    hooks, _path = factories.make_hooks(cabinet=counter.cabinet)
    factories.make_address(source=hooks, slot=2)
    colleague = factories.make_member(cabinet=counter.cabinet)
    guest = factories.make_member(cabinet=counter.cabinet, role=Membership.Role.VIEWER)
    invitation = factories.make_invitation(cabinet=counter.cabinet, invited_by=colleague)
    call, upload = make_call(cabinet=counter.cabinet), make_upload(counter=counter)
    make_delivery(call=call, counter=counter, upload=upload)
    bulk = factories.make_bulk(counter=counter)
    export = factories.make_export(
        cabinet=counter.cabinet, requested_by=colleague, state="done", finished_at=timezone.now()
    )
    return {
        "lk/cabinets/<int:pk>": counter.cabinet_id,
        "lk/integrations/people/invitations/<int:pk>": invitation.pk,
        "lk/integrations/people/<int:pk>": guest.cabinet_memberships.get().pk,
        "lk/integrations/backfill/<int:pk>": make_backfill(counter=counter).pk,
        "lk/integrations/calls/exports/<int:pk>": export.pk,
        "lk/integrations/notices/pauses/<int:pk>": make_pause(cabinet=counter.cabinet).pk,
        "lk/integrations/sources/<int:pk>/address": hooks.pk,
        "lk/integrations/sources/<int:pk>": source.pk,
        "lk/integrations/yandex/accounts/<int:pk>": counter.account_id,
        "lk/integrations/yandex/counters/<int:pk>": counter.pk,
        "lk/integrations/yandex/templates/<int:pk>": template.pk,
        "lk/integrations/yandex/uploads/<int:pk>": upload.pk,
        "account_pk": counter.account_id,
        "counter_pk": counter.pk,
        "accounts/security/passkeys/<int:pk>": 0,
        "call_id": call.pk,
        "key": key_of(call.cabinet_id, call.external_id),
        "channel": 1,
        "bulk_pk": bulk.pk,
        "kind": "call_off",
        "format": "csv",
        "import_pk": file_import.pk,
        "secret_pk": secret.pk,
        "address_pk": hooks.secret_addresses.order_by("pk")[0].pk,
        "reason": "cancelled",
        "code": "too_short",
        "token": "no-such-address",
    }


def address(name: str, route: str, things: Mapping[str, Any]) -> str:
    """Return the address of a thing. An unknown parameter is a KeyError: say above what it is."""
    start = next((one for one in things if route.startswith(one)), "")
    wanted = re.findall(r"<\w+:(\w+)>", route)
    values = {one: things[start] if one == "pk" else things[one] for one in wanted}
    return reverse(name, kwargs=values) if ":" in name or values else f"/{route}"
