"""P8: from a file of calls to files that Metrika has taken."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from django.conf import settings

from bench import world
from bench.figure import Contender, Fact, Figure, once
from bench.figures.p2_import import STORED, import_file
from bench.floors.copies import Copies, copy_out
from bench.measure import timed
from bench.naive import models, work
from calls.delivery import sender_loop
from calls.models import Delivery, Upload
from calls.states import DeliveryState

#: Rounds of the sender after which what still waits will never go.
MAX_ROUNDS = 1000
SMALL_CALLS = 20


class EndToEnd(Figure):
    """Import, decisions, files, requests, and the answers recorded, in one process."""

    title = "P8 end to end, 1 counter"
    goal_floor = 0.30
    limits = 2
    goal_naive = 15

    def prepare(self) -> None:
        world.forget_calls()
        self.world = world.make_world(1)
        self.folder = tempfile.TemporaryDirectory()
        self.file = self._write("calls", self.sizes.end_to_end_calls)
        self.small = self._write("small", SMALL_CALLS)
        self.once = self._write("once", self.sizes.end_to_end_calls_once)
        self.url = f"{settings.METRIKA_API_URL}/file"
        models.make_tables()
        self.product()
        self.copies = Copies(STORED)
        self.curl = shutil.which("curl")
        if self.curl is None:
            self.contenders = ("product", "naive")
            self.notes.append("curl is not installed: no floor.")

    def reset(self, contender: Contender) -> None:
        if contender == "naive":
            models.make_tables()
        else:
            world.forget_calls()

    def product(self) -> int:
        take_and_send(f"{self.world.source.public_id} {self.file}")
        return self.sizes.end_to_end_calls

    def floor(self) -> int:
        return self._floor(self.copies)

    def _floor(self, copies: Copies) -> int:
        count = copies.load()
        path = Path(self.folder.name) / "floor"
        copy_out(
            "SELECT c.client_id, c.started_at, c.phone, c.duration_seconds, c.page_url"
            " FROM calls_delivery d JOIN calls_call c"
            " ON c.id = d.call_id AND c.partition_at = d.partition_at",
            path,
        )
        words = [str(self.curl), "-sS", "-o", "/dev/null", "-F", f"file=@{path}", self.url]
        subprocess.run(words, check=True)
        return count

    def naive(self) -> int:
        count = self.sizes.naive_end_to_end_calls
        numbers = [counter.number for counter in self.world.counters]
        with self.file.open(encoding="utf-8") as lines:
            for _index, line in zip(range(count), lines, strict=False):
                for delivery in work.store_one(json.loads(line), numbers):
                    work.send_delivery(delivery, self.url)
        return count

    def finish(self) -> None:
        models.drop_tables()
        world.forget_calls()
        self._send_once()
        self.copies.forget()
        self.folder.cleanup()
        world.forget_calls()

    def _send_once(self) -> None:
        """Add rate and memory of one file of the whole amount, beside its floor."""
        source, count = self.world.source.public_id, self.sizes.end_to_end_calls_once
        words = (f"{source} {self.once}", f"{source} {self.small}")
        run = self.add_peak_memory(take_and_send, words[0], small=words[1], at_most=64)
        if run is None:
            return
        self.facts.append(Fact("files a 1,000 calls", 1000 * self._files() / count, "files"))
        copies = Copies(STORED)
        world.forget_calls()
        floor = timed(lambda: self._floor(copies)).wall if self.curl else None
        copies.forget()
        self.facts += once(count, self.unit, run.wall, floor, self.goal_floor)
        if self.runs.get("product"):
            rounds = median(run.rate for run in self.runs["product"])
            title = f"rate of {count:,} at once ÷ rate of the rounds"
            self.facts.append(Fact(title, count / run.wall / rounds, "×", at_least=0.9))

    def _files(self) -> int:
        return int(Upload.objects.count())

    def _write(self, name: str, count: int) -> Path:
        path = Path(self.folder.name) / name
        with path.open("w", encoding="utf-8") as file:
            for record in world.stream(count, prefix=f"8{name}", incoming_only=True):
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        return path


def take_and_send(source_and_file: str) -> None:
    """Import the file and send its calls. Raises RuntimeError."""
    import_file(source_and_file)
    send_waiting()


def send_waiting() -> None:
    """Run the sender until nothing waits. Raises RuntimeError."""
    for _round in range(MAX_ROUNDS):
        sender_loop.run(rest=lambda: None, once=True)
        waiting = Delivery.objects.filter(state=DeliveryState.WAITING)
        if not waiting.exists() and not Upload.objects.to_send().exists():
            return
    raise RuntimeError("some calls are never sent")
