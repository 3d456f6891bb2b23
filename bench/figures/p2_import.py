"""P2: a file of calls, imported by the command."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

from django.core.management import call_command

from bench import world
from bench.figure import Contender, Figure, once
from bench.floors.copies import Copies
from bench.measure import timed
from bench.naive import models, work

STORED = ("calls_call", "calls_delivery")
SMALL_CALLS = 20


class Import(Figure):
    """A file with a record a line."""

    title = "P2 file import, 1 counter"
    goal_floor = 0.40
    limits = 2

    def prepare(self) -> None:
        self.world = world.make_world(1)
        self.folder = tempfile.TemporaryDirectory()
        self.file = self._write("calls", self.sizes.file_calls)
        self.small = self._write("small", SMALL_CALLS)
        self.once = self._write("once", self.sizes.file_calls_once)
        models.make_tables()
        world.forget_calls()
        self.product()
        self.copies = Copies(STORED)

    def reset(self, contender: Contender) -> None:
        if contender == "naive":
            models.make_tables()
        else:
            world.forget_calls()

    def product(self) -> int:
        import_file(f"{self.world.source.public_id} {self.file}")
        return self.sizes.file_calls

    def floor(self) -> int:
        self.copies.load()
        return self.sizes.file_calls

    def naive(self) -> int:
        numbers = [counter.number for counter in self.world.counters]
        count = self.sizes.naive(self.sizes.file_calls)
        with self.file.open(encoding="utf-8") as lines:
            records = [json.loads(line) for _index, line in zip(range(count), lines, strict=False)]
        return sum(work.store(chunk, numbers) for chunk in world.chunks(records))

    def finish(self) -> None:
        models.drop_tables()
        world.forget_calls()
        self._import_once()
        self.copies.forget()
        self.folder.cleanup()
        world.forget_calls()

    def _import_once(self) -> None:
        """Add the rate and the memory of one import of the whole amount, beside its floor."""
        source, count = self.world.source.public_id, self.sizes.file_calls_once
        small = f"{source} {self.small}"
        run = self.add_peak_memory(import_file, f"{source} {self.once}", small=small, at_most=64)
        if run is not None:
            copies = Copies(STORED)
            world.forget_calls()
            floor = timed(copies.load)
            copies.forget()
            self.facts += once(count, self.unit, run.wall, floor.wall, self.goal_floor)

    def _write(self, name: str, count: int) -> Path:
        path = Path(self.folder.name) / name
        with path.open("w", encoding="utf-8") as file:
            for record in world.stream(count, prefix=f"2{name}", incoming_only=True):
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        return path


def import_file(source_and_file: str) -> None:
    """Import a file as the product does."""
    source, _, file = source_and_file.partition(" ")
    call_command("import_calls", file, "--source", source, stdout=io.StringIO())
