"""Hashing has a bounded number of slots in each process; the surplus is answered at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from accounts import hashing
from accounts.hashing import HashingBusy, PooledPBKDF2Hasher, hashing_slot
from callkeeper_metrika import settings as product_settings
from tests import factories

OURS = "accounts.hashing.PooledPBKDF2Hasher"
NEW = "ne-ugadaesh-27"


@pytest.fixture
def slots(monkeypatch: pytest.MonkeyPatch) -> Iterator[BoundedSemaphore]:
    semaphore = BoundedSemaphore(2)
    monkeypatch.setattr(hashing, "_slots", semaphore)
    yield semaphore
    assert semaphore.acquire(blocking=False)  # every slot was released
    assert semaphore.acquire(blocking=False)


def test_sixteen_parallel_hashes_run_two_at_a_time_and_the_rest_is_refused(
    slots: BoundedSemaphore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = [OURS]
    all_asked, both_run = threading.Barrier(16), threading.Barrier(2)
    refused, running, peak = threading.Semaphore(0), [0], [0]

    def encode(hasher: object, password: str, *_rest: object) -> str:
        running[0] += 1
        peak[0] = max(peak[0], running[0])
        both_run.wait(30)
        for _ in range(7):  # each of the two waits until all others were refused
            assert refused.acquire(timeout=30)
        running[0] -= 1
        return password

    def ask(number: int) -> str:
        all_asked.wait(30)
        try:
            return PooledPBKDF2Hasher().encode(str(number), "salt")
        except HashingBusy:
            refused.release()
            return "busy"

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", encode)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))

    assert (answers.count("busy"), peak) == (14, [2])


def test_hashes_are_those_of_django_and_made_at_a_lower_priority(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    before = make_password("old")
    settings.PASSWORD_HASHERS = [OURS]
    niceness: list[int] = []
    encode = PBKDF2PasswordHasher.encode

    def note(hasher: PBKDF2PasswordHasher, *args: object) -> str:
        niceness.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return str(encode(hasher, *args))  # type: ignore[arg-type]

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", note)

    assert check_password("old", before)
    assert not check_password("wrong", before)
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert niceness == [max(hashing.NICENESS, own)] * 2


def hold_all(slots: BoundedSemaphore) -> None:
    for _ in range(2):
        assert slots.acquire(blocking=False)


def release_all(slots: BoundedSemaphore) -> None:
    for _ in range(2):
        slots.release()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/login/"])
def test_sign_in_beyond_the_slots_is_refused_and_not_counted(
    slots: BoundedSemaphore, path: str
) -> None:
    factories.make_user(username="anna", is_staff=True)
    hold_all(slots)
    busy = [
        Client().post(path, {"username": "anna", "password": factories.PASSWORD}) for _ in range(12)
    ]
    release_all(slots)

    assert {answer.status_code for answer in busy} == {429}
    assert {answer.headers["Retry-After"] for answer in busy} == {"2"}
    html = " ".join(busy[0].content.decode().split())
    assert (
        "Ваш запрос не выполнен и попыткой не считается. Попробуйте ещё раз через 2 секунды."
        in html
    )
    assert 'href="">Попробовать ещё раз</a>' in html
    form = {"username": "anna", "password": factories.PASSWORD}
    assert Client().post(path, form).status_code == 302


@pytest.mark.django_db
def test_flood_of_guesses_leaves_a_slot_to_browsers_that_are_known(
    slots: BoundedSemaphore,
) -> None:
    factories.make_user(username="anna")
    form = {"username": "anna", "password": factories.PASSWORD}
    known, unknown = Client(), Client()
    known.post("/accounts/login/", form)
    hold_all(slots)

    answers = [client.post("/accounts/login/", form).status_code for client in (known, unknown)]
    release_all(slots)

    assert answers == [302, 429]


def test_change_of_a_password_beyond_the_slots_changes_nothing(
    slots: BoundedSemaphore, owner_client: Client
) -> None:
    form = {"old_password": factories.PASSWORD, "new_password1": NEW, "new_password2": NEW}
    hold_all(slots)
    assert hashing._reserved.acquire(blocking=False)
    answer = owner_client.post("/accounts/password/change/", form)
    hashing._reserved.release()
    release_all(slots)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert User.objects.get(username="owner").check_password(factories.PASSWORD)


def test_nested_calls_share_a_slot(slots: BoundedSemaphore) -> None:
    with hashing_slot(), hashing_slot(), hashing_slot():
        assert slots.acquire(blocking=False)
        assert not slots.acquire(blocking=False)
        slots.release()


def test_product_hashes_in_the_pool_only() -> None:
    assert product_settings.PASSWORD_HASHERS == [OURS]
