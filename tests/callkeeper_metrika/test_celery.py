"""Which queue each task goes to; that workers serve them is in tests/faults/test_broker.py."""

from __future__ import annotations

import pytest
from celery.signals import beat_init

from callkeeper_metrika.celery import app
from callkeeper_metrika.schedule import SCHEDULE


def queue_of(task: str) -> str:
    return str(app.amqp.router.route({}, task)["queue"].name)


def test_only_sending_has_a_queue_of_its_own() -> None:
    scheduled = {entry["task"] for entry in SCHEDULE.values()}

    assert {task for task in scheduled if queue_of(task) == "send"} == {"calls.send_due"}
    assert {queue_of(task) for task in scheduled} == {"celery", "send"}


def test_worker_without_a_queue_option_consumes_both_queues() -> None:
    assert set(app.amqp.queues.consume_from) == {"celery", "send"}


def test_queues_share_no_routing_key() -> None:
    """With one key, the direct exchange would deliver each task to both queues."""
    queues = app.amqp.queues.consume_from.values()

    assert sorted(queue.routing_key for queue in queues) == ["celery", "send"]


def test_beat_queues_the_heartbeat_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else /readyz would say for the first interval that there is no beat."""
    queued: list[str] = []
    monkeypatch.setattr(app, "send_task", lambda name, **options: queued.append(name))

    beat_init.send(sender=None)

    assert queued == [SCHEDULE["heartbeat"]["task"]]
