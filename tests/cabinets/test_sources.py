"""Sources, their secrets, and the command seed_access."""

from __future__ import annotations

import base64
import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from cabinets.models import AuditEvent, Cabinet, CallSource, Membership, SigningSecret
from cabinets.sources import TwoSecretsLive, create_source, retire_old_secret, rotate_secret
from tests import factories

pytestmark = pytest.mark.django_db


def live_secrets(source: CallSource) -> list[tuple[int, str]]:
    return sorted((one.slot, str(one.secret)) for one in source.signing_secrets.all())


def test_new_source_has_one_secret_of_32_bytes(cabinet: Cabinet, owner: User) -> None:
    source, secret = create_source(
        cabinet=cabinet, name="CallKeeper", time_zone="Europe/Moscow", actor=owner
    )

    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert live_secrets(source) == [(1, secret)]
    assert repr(secret) == "'[скрыто]'"
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.object_id) == ("source.created", owner, str(source.pk))
    assert secret not in json.dumps(event.after)


def test_source_with_an_unknown_zone_is_refused(cabinet: Cabinet) -> None:
    with pytest.raises(ValidationError):
        create_source(cabinet=cabinet, name="CallKeeper", time_zone="Moscow")

    assert CallSource.objects.count() == SigningSecret.objects.count() == 0


def test_secrets_are_rotated_one_after_the_other(source: CallSource, owner: User) -> None:
    [(_slot, first)] = live_secrets(source)

    second = rotate_secret(source=source, actor=owner)
    assert live_secrets(source) == [(1, first), (2, second)]

    assert retire_old_secret(source=source, actor=owner)
    assert live_secrets(source) == [(2, second)]

    third = rotate_secret(source=source, actor=owner)
    assert live_secrets(source) == [(1, third), (2, second)]
    actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == [
        "source.secret_rotated",
        "source.secret_retired",
        "source.secret_rotated",
    ]


def test_third_secret_is_refused(source: CallSource) -> None:
    rotate_secret(source=source)
    before = live_secrets(source)

    with pytest.raises(TwoSecretsLive):
        rotate_secret(source=source)

    assert live_secrets(source) == before
    assert AuditEvent.objects.count() == 1


def test_name_of_a_source_is_unique_in_its_cabinet(cabinet: Cabinet, source: CallSource) -> None:
    with pytest.raises(ValidationError, match="уже есть"):
        create_source(cabinet=cabinet, name="callkeeper")

    create_source(cabinet=factories.make_cabinet(name="Другой"), name="CallKeeper")
    assert CallSource.objects.count() == 2


def test_last_secret_is_not_retired(source: CallSource) -> None:
    assert not retire_old_secret(source=source)

    assert len(live_secrets(source)) == 1
    assert AuditEvent.objects.count() == 0


def seed(**options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command("seed_access", stdout=out, **options)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_seeded_user_can_sign_in_and_source_exists() -> None:
    access = seed(username="demo", password="длинный пароль", cabinet="Окна", demo=True)

    user = User.objects.get(username="demo")
    membership = Membership.objects.get(user=user)
    source = CallSource.objects.get()
    assert user.check_password("длинный пароль")
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert (membership.role, membership.cabinet.name) == ("owner", "Окна")
    assert membership.cabinet.is_demo
    assert source.time_zone == "Europe/Moscow"
    assert access == {
        "username": "demo",
        "password": "длинный пароль",
        "cabinet": "Окна",
        "source": {"id": source.public_id, "secret": str(source.signing_secrets.get().secret)},
    }


def test_password_of_a_new_person_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def count(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", count)

    seed(username="demo", password="длинный пароль")

    assert hashed == ["длинный пароль"]


def test_seeding_twice_changes_nothing() -> None:
    first = seed(username="demo", password="длинный пароль", cabinet="Окна")
    password = User.objects.get().password

    again = seed(username="demo", password="длинный пароль", cabinet="Окна")

    assert again == first
    assert User.objects.get().password == password
    assert (
        Cabinet.objects.count() == CallSource.objects.count() == SigningSecret.objects.count() == 1
    )


def test_password_is_replaced_and_generated_when_not_given() -> None:
    seed(username="demo", password="длинный пароль")

    made_up = seed(username="demo")["password"]

    assert len(made_up) == 16
    assert User.objects.get().check_password(made_up)


def test_user_becomes_staff_only_with_the_option() -> None:
    seed(username="demo", password="длинный пароль", staff=True)
    seed(username="demo", password="длинный пароль")

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (True, True)


def test_newest_secret_is_printed() -> None:
    seed(username="demo", cabinet="Окна")
    newest = rotate_secret(source=CallSource.objects.get())

    assert seed(username="demo", cabinet="Окна")["source"]["secret"] == newest


def test_cabinet_of_the_same_name_of_another_user_is_not_reused() -> None:
    other = factories.make_cabinet(name="Окна")

    seed(username="demo", cabinet="Окна")

    assert Membership.objects.get().cabinet != other


def test_source_without_a_secret_is_an_error() -> None:
    seed(username="demo", cabinet="Окна")
    SigningSecret.objects.all().delete()

    with pytest.raises(CommandError, match="has no signing secret"):
        seed(username="demo", cabinet="Окна")
