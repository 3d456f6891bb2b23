"""Metrika's Management API, as far as calls need it, on behalf of one Yandex account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from . import chart_notes, reports
from .answer import Answer
from .config import YandexConfig
from .errors import UnexpectedAnswer, error_from, unexpected
from .multipart import SizedPieces
from .reading import (
    Misshapen,
    read_counter,
    read_goal,
    read_list,
    read_uploading,
    read_wrapped_goal,
    read_wrapped_uploading,
)
from .records import CounterInfo, GoalInfo, Uploading
from .transport import Transport, YandexToken

Result = TypeVar("Result")

COUNTERS_PER_PAGE = 1000
UPLOADINGS_PER_PAGE = 10_000  # the vendor's default, and its documented page
# A million counters, ten million uploadings: a server that has more is turning in circles.
MAX_PAGES = 1000
# A short page ends a list, unless its length looks like a limit lower than the one we asked for.
SUSPICIOUS_MULTIPLE = 100
#: Methods of files of calls and of conversions: the last part of their path.
UPLOAD_CALLS, LIST_CALLS = "upload_calls", "calls_uploadings"
UPLOAD_CONVERSIONS, LIST_CONVERSIONS = "upload", "uploadings"
#: Where every path begins.
ROOT = "/management/v1"


def offline_path(counter_number: int, method: str) -> str:
    """Return the path, below the root, of a method that takes or lists files of a counter."""
    return f"/counter/{counter_number}/offline_conversions/{method}"


class MetrikaClient:
    """Every method raises a ``YandexError`` of ``errors``; nothing else comes out of it."""

    def __init__(
        self,
        config: YandexConfig,
        access_token: str,
        *,
        before_request: Callable[[], None] | None = None,
        on_success: Callable[[datetime | None], None] | None = None,
    ) -> None:
        """Set the hooks of each request.

        ``before_request`` is called before each request leaves and may raise to stop it;
        ``on_success`` is called after each answer that was understood, with the vendor's time.
        """
        self._metrika_url = config.metrika_url
        self._root = f"{config.metrika_url}{ROOT}"
        self._auth = YandexToken(access_token)
        self._transport = Transport(config, before_request=before_request)
        self._on_success = on_success

    def counters(self, *, deleted: bool = False) -> list[CounterInfo]:
        """List the active counters that the account can see, whatever its rights on them.

        With ``deleted``, list those that were deleted in Metrika instead.

        https://yandex.com/dev/metrika/en/management/openapi/counter/counters
        ``{"rows": 37, "counters": [{"id": 91234567, "name": "Окна", "permission": "own", …}]}``
        """
        found: dict[int, CounterInfo] = {}
        taken = 0
        for _ in range(MAX_PAGES):
            # the first one is number 1
            page, total = self._counters_page(offset=taken + 1, deleted=deleted)
            new = [counter for counter in page if counter.number not in found]
            found.update((counter.number, counter) for counter in new)
            taken += len(page)
            if not new or (total is not None and taken >= total):
                return list(found.values())
        raise UnexpectedAnswer("The list of counters has no end")

    def _counters_page(self, *, offset: int, deleted: bool) -> tuple[list[CounterInfo], int | None]:
        def read(body: dict[str, Any]) -> tuple[list[CounterInfo], int | None]:
            page = read_list(body, "counters", read_counter)
            total = body.get("rows")
            if not page and total and offset == 1:
                raise Misshapen("counters are announced and not there")
            return page, total if isinstance(total, int) else None

        params: dict[str, str | int] = {
            "field": "mirrors",
            "per_page": COUNTERS_PER_PAGE,
            "offset": offset,
        }
        if deleted:
            params["status"] = "Deleted"
        return self._get("/counters", params, read)

    def goals(self, counter_number: int) -> list[GoalInfo]:
        """List a counter's goals.

        https://yandex.com/dev/metrika/en/management/openapi/goal/goals
        ``{"goals": [{"id": 318204417, "name": "Звонок", "type": "action", "goal_source": "user",
        "conditions": [{"type": "exact", "url": "calltracking_call_order"}]}]}``
        """
        return self._get(
            f"/counter/{counter_number}/goals", {}, lambda body: read_list(body, "goals", read_goal)
        )

    def create_goal(self, counter_number: int, *, name: str, identifier: str) -> GoalInfo:
        """Create a JavaScript goal that is reached by an event with exactly this identifier.

        https://yandex.com/dev/metrika/en/management/openapi/goal/addGoal
        Not idempotent: look for a goal with the identifier first, and again when the answer is
        lost. Needs the scope ``metrika:write``. ``limit_exceeded`` when the counter is full.
        """
        condition = {"type": "exact", "url": identifier}
        goal = {"name": name, "type": "action", "is_retargeting": 0, "conditions": [condition]}
        path = f"/counter/{counter_number}/goals"
        answer = self._transport.post_json(self._root + path, auth=self._auth, body={"goal": goal})
        return self._understood(answer, f"POST {path}", read_wrapped_goal)

    def upload_calls(
        self, counter_number: int, *, body: bytes | SizedPieces, marker: str, new_goal_name: str
    ) -> Uploading:
        """Hand over a file of calls; Metrika works it in within two hours.

        https://yandex.com/dev/metrika/en/management/openapi/call/uploadCalls
        ``marker`` (letters and digits) comes back as ``comment`` and is the only thing by which
        an upload with a lost answer can be found again; it is never repeated here.
        ``{"uploading": {"id": 730118204, "source_quantity": 2, "line_quantity": 2,
        "comment": "ck7f3a", "status": "UPLOADED", …}}``
        """
        params = {"comment": marker, "new_goal_name": new_goal_name}
        return self._upload(counter_number, UPLOAD_CALLS, params, body)

    def upload_conversions(
        self, counter_number: int, *, body: bytes | SizedPieces, marker: str
    ) -> Uploading:
        """Hand over a file of offline conversions, rows that each name their goal.

        https://yandex.com/dev/metrika/en/management/openapi/offline_conversions/upload_1
        """
        return self._upload(counter_number, UPLOAD_CONVERSIONS, {"comment": marker}, body)

    def call_uploadings(
        self, counter_number: int, *, is_enough: Callable[[], bool] | None = None
    ) -> Iterator[Uploading]:
        """Iterate over all files of calls that the counter ever took, in the vendor's order.

        https://yandex.com/dev/metrika/en/management/openapi/call/findAllCallUploadings
        An error may come in the middle; until the end nothing can be said to be missing. With
        ``is_enough`` no page is asked for once it says so.
        """
        return self._uploadings(counter_number, LIST_CALLS, {}, is_enough)

    def conversion_uploadings(
        self, counter_number: int, *, is_enough: Callable[[], bool] | None = None
    ) -> Iterator[Uploading]:
        """Iterate over all files of offline conversions of the counter, in the same way.

        https://yandex.com/dev/metrika/en/management/openapi/offline_conversions/findAll_1
        """
        return self._uploadings(counter_number, LIST_CONVERSIONS, {"type": "BASIC"}, is_enough)

    def call_report(
        self, counter_number: int, *, first: date, last: date, goals: Sequence[int] = ()
    ) -> reports.CallReport:
        """Count calls, and reaches of the goals, by day of the counter's time zone. One request.

        https://yandex.com/dev/metrika/en/stat/openapi/data
        ``RequestRejected`` when a goal does not exist any more.
        """
        params = reports.params_of(counter_number, first, last, goals)
        url = self._metrika_url + reports.PATH
        answer = self._transport.get(url, auth=self._auth, params=params)
        return self._understood(
            answer, f"GET {reports.PATH}", lambda body: reports.read_report(body, goals)
        )

    def chart_annotations(self, counter_number: int) -> list[chart_notes.Annotation]:
        """List the notes on the counter's charts.

        https://yandex.ru/dev/metrika/en/management/openapi/chart_annotation/find
        """
        return self._get(
            f"/counter/{counter_number}/chart_annotations",
            {},
            lambda body: read_list(body, "chart_annotations", chart_notes.read_annotation),
        )

    def create_chart_annotation(
        self, counter_number: int, *, at: datetime, title: str, message: str
    ) -> chart_notes.Annotation:
        """Write a note; ``at`` in the counter's time zone. Needs the scope ``metrika:write``.

        https://yandex.ru/dev/metrika/en/management/openapi/chart_annotation/create
        Not idempotent: after a lost answer look for it in the list first.
        """
        path = f"/counter/{counter_number}/chart_annotations"
        body = chart_notes.body_of(at, title, message)
        answer = self._transport.post_json(self._root + path, auth=self._auth, body=body)
        return self._understood(
            answer,
            f"POST {path}",
            lambda found: chart_notes.read_annotation(found.get("chart_annotation")),
        )

    def close(self) -> None:
        self._transport.close()

    def _upload(
        self,
        counter_number: int,
        method: str,
        params: Mapping[str, str],
        content: bytes | SizedPieces,
    ) -> Uploading:
        path = offline_path(counter_number, method)
        answer = self._transport.post_csv(
            self._root + path, auth=self._auth, params=params, content=content
        )
        return self._understood(answer, f"POST {path}", read_wrapped_uploading)

    def _uploadings(
        self,
        counter_number: int,
        method: str,
        params: Mapping[str, str | int],
        is_enough: Callable[[], bool] | None,
    ) -> Iterator[Uploading]:
        path = offline_path(counter_number, method)
        seen: set[int] = set()
        taken = 0
        for _ in range(MAX_PAGES):
            window = {"limit": UPLOADINGS_PER_PAGE, "offset": taken}  # here the first one is 0
            page = self._get(
                path,
                {**params, **window},
                lambda body: read_list(body, "uploadings", read_uploading),
            )
            new = [uploading for uploading in page if uploading.uploading_id not in seen]
            yield from new
            seen.update(uploading.uploading_id for uploading in new)
            taken += len(page)
            if not new or _is_last_page(len(page)) or (is_enough and is_enough()):
                return
        raise UnexpectedAnswer(f"GET {path}: the list has no end")

    def _get(
        self,
        path: str,
        params: Mapping[str, str | int],
        read: Callable[[dict[str, Any]], Result],
    ) -> Result:
        answer = self._transport.get(self._root + path, auth=self._auth, params=params)
        return self._understood(answer, f"GET {path}", read)

    def _understood(
        self, answer: Answer, action: str, read: Callable[[dict[str, Any]], Result]
    ) -> Result:
        result = understood(answer, action, read)
        if self._on_success:
            self._on_success(answer.sent_at)
        return result


def _is_last_page(length: int) -> bool:
    return length < UPLOADINGS_PER_PAGE and length % SUSPICIOUS_MULTIPLE != 0


def understood(answer: Answer, action: str, read: Callable[[dict[str, Any]], Result]) -> Result:
    """Read a success; raise the error that any other answer stands for.

    Errors may come inside a 200: several public clients look for the key there.
    """
    body = answer.json_object()
    if not 200 <= answer.status < 300 or (body and body.get("errors")):
        raise error_from(answer, action=action)
    if body is None:
        raise unexpected(answer, action=action, why="not a JSON object")
    try:
        return read(body)
    except Misshapen as fault:
        raise unexpected(answer, action=action, why=str(fault)) from None
