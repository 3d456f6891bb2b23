"""The marks outside the database: read, advanced by many writers, never backwards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from pytest_django import Settings

from integrations.installation import broker_mark, marks
from integrations.installation.broker_mark import BrokerMark
from integrations.installation.file_mark import FileMark
from integrations.installation.marks import Mark, OtherInstallation, Place, PlaceUnavailable
from tests import installation
from tests.installation import MARK

OTHER = UUID("00000000-0000-4000-8000-00000000000f")
#: Refuses connections.
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(params=["file", "broker"])
def place(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Place:
    """An empty place."""
    installation.remove_marks()
    if request.param == "file":
        return FileMark(tmp_path / "folder" / "installation.json")
    return BrokerMark(settings.REDIS_URL)


def at(epoch: int, upload: int = 0) -> Mark:
    return replace(MARK, epoch=epoch, highest_upload=upload)


def test_mark_is_read_as_it_was_written(place: Place) -> None:
    assert place.read() is None

    place.advance(at(7, 3))

    assert place.read() == at(7, 3)


def test_mark_never_goes_backwards(place: Place) -> None:
    place.advance(at(7, 3))
    place.advance(at(6, 9))
    assert place.read() == at(7, 9)

    place.advance(at(8, 1))

    assert place.read() == at(8, 9)


def test_mark_of_another_installation_is_never_overwritten(place: Place) -> None:
    place.advance(at(7))

    with pytest.raises(OtherInstallation):
        place.advance(replace(at(8), uid=OTHER))

    assert place.read() == at(7)
    place.replace(replace(at(1), uid=OTHER))
    assert place.read() == replace(at(1), uid=OTHER)


def test_mark_of_many_writers_is_the_highest(place: Place) -> None:
    def write(numbers: range) -> None:
        for number in numbers:
            place.advance(at(number, 1000 - number))

    run_in_threads([lambda start=start: write(range(start, 41, 4)) for start in range(1, 5)])  # type: ignore[misc]

    assert place.read() == at(40, 999)


def run_in_threads(jobs: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)


def test_damaged_file_is_no_mark_and_no_absence(tmp_path: Path) -> None:
    path = tmp_path / "installation.json"
    path.write_text('{"uid": 1}', encoding="utf-8")

    with pytest.raises(PlaceUnavailable, match="its content is not a mark"):
        FileMark(path).read()

    FileMark(path).advance(at(3))
    assert FileMark(path).read() == at(3)


def test_damaged_key_is_no_mark_and_no_absence(settings: Settings) -> None:
    place = BrokerMark(settings.REDIS_URL)
    installation.redis().set(broker_mark.KEY, "[]")

    with pytest.raises(PlaceUnavailable, match="its content is not a mark"):
        place.read()

    place.advance(at(3))
    assert place.read() == at(3)


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = FileMark(tmp_path / "file" / "installation.json")

    with pytest.raises(PlaceUnavailable, match=r"installation\.json: File exists"):
        place.advance(at(1))


def test_broker_that_refused_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    place = BrokerMark(NOWHERE)
    with pytest.raises(PlaceUnavailable, match="ConnectionError"):
        place.read()

    with pytest.raises(PlaceUnavailable, match="no answer a moment ago"):
        place.advance(at(1))

    broker_mark._paused_until.clear()
    with pytest.raises(PlaceUnavailable, match="ConnectionError"):
        place.read()


def test_highest_mark_of_the_places_rules(settings: Settings) -> None:
    FileMark.from_settings().advance(at(7, 20))
    BrokerMark.from_settings().advance(at(9, 10))

    assert marks.highest(marks.read_all()) == at(9, 20)


def test_missing_place_does_not_hinder_the_other(settings: Settings) -> None:
    settings.REDIS_URL = NOWHERE

    assert marks.advance_all(at(5)) == 1
    assert FileMark.from_settings().read() == at(5)
