"""«Сохранить» and due streams with many deliveries waiting; ticks with many counters."""

from __future__ import annotations

import time
from statistics import median

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bench import many, world
from bench.figure import Fact, Figure
from bench.figures import ticks
from bench.measure import timed
from calls.delivery.streams import due_streams
from counters.models import Counter
from counters.settings.forms import CounterSettingsForm

MILLISECONDS = 1000
VIEWS = 5


class Save(Figure):
    """The settings window of a counter whose calls wait."""

    title = "Save settings with calls waiting"
    contenders = ()

    def prepare(self) -> None:
        world.forget_calls()
        owner = world.make_world(1)
        many.multiply(owner, "6", many.Copies(self.sizes.saved_waiting - 1))
        client = Client(SERVER_NAME="127.0.0.1", SERVER_PORT="8000")
        client.force_login(owner.person)
        counter = owner.counters[0]
        seconds = [self._save(client, counter, minimum) for minimum in range(1, 4)]
        title = f"answer with {self.sizes.saved_waiting:,} waiting"
        value = median(seconds) * MILLISECONDS
        self.facts.append(Fact(title, value, "ms", at_most=300))
        world.forget_calls()

    def _save(self, client: Client, counter: Counter, minimum: int) -> float:
        counter.refresh_from_db()
        form = CounterSettingsForm(counter=counter)
        enabled = [form[name] for name, one in form.fields.items() if not one.disabled]
        values = {one.html_name: one.value() for one in enabled}
        values |= {"min_duration_seconds": minimum}
        # An unticked box is not sent; a zero is.
        posted = {
            one: value for one, value in values.items() if value is not None and value is not False
        }
        began = time.perf_counter()
        answer = client.post(reverse("counters:settings", args=[counter.pk]), posted)
        if answer.status_code != 302:
            raise RuntimeError(f"the settings are not saved: {answer.status_code}")
        return time.perf_counter() - began


class Due(Figure):
    """What every tick, `/readyz` and `/metrics` ask, and what the ticks cost together."""

    title = "Ticks with calls waiting"
    contenders = ()

    def prepare(self) -> None:
        world.forget_calls()
        many.multiply(world.make_world(1), "5", many.Copies(self.sizes.due_waiting - 1))
        seconds = [timed(lambda: len(due_streams(timezone.now()))).wall for _ in range(VIEWS)]
        title = f"finding due streams with {self.sizes.due_waiting:,} waiting"
        self.facts.append(Fact(title, median(seconds) * MILLISECONDS, "ms", at_most=20))
        world.forget_calls()
        self.facts += ticks.facts("at rest", counters=self.sizes.idle_counters)
