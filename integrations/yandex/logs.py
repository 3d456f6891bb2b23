"""Metrika's Logs API: raw rows of a counter's days, on behalf of one Yandex account.

Logs are ordered, prepared by Metrika in a queue, downloaded part by part and removed again:
https://yandex.com/dev/metrika/en/logs/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, TypeVar

from .answer import Answer
from .config import YandexConfig
from .errors import UnexpectedAnswer
from .metrika import understood
from .reading import (
    read_list,
    read_log_evaluation,
    read_log_order,
    read_wrapped_log_order,
)
from .records import LogEvaluation, LogOrder
from .transport import Transport, YandexToken

Result = TypeVar("Result")

HITS = "hits"
#: The longest line that is read; a page's address is the longest value, and we ask for one.
MAX_LINE_BYTES = 1024 * 1024
# A server may mark the beginning of its text.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LogsClient:
    """Every method raises a ``YandexError`` of ``errors``; nothing else comes out of it."""

    def __init__(
        self,
        config: YandexConfig,
        access_token: str,
        *,
        before_request: Callable[[], None] | None = None,
        on_success: Callable[[datetime | None], None] | None = None,
    ) -> None:
        """Set the hooks of each request, which are those of ``MetrikaClient``."""
        self._root = f"{config.metrika_url}/management/v1"
        self._auth = YandexToken(access_token)
        self._transport = Transport(config, before_request=before_request)
        self._on_success = on_success

    def evaluate(
        self, counter_number: int, *, first: date, last: date, fields: Sequence[str]
    ) -> LogEvaluation:
        """Ask whether the hits of these days could be ordered now.

        https://yandex.com/dev/metrika/en/logs/openapi/evaluate
        """
        path = f"/counter/{counter_number}/logrequests/evaluate"
        return self._get(path, _order(first, last, fields), read_log_evaluation)

    def create(
        self, counter_number: int, *, first: date, last: date, fields: Sequence[str]
    ) -> LogOrder:
        """Order the hits of these days, both included; the last one must be over.

        https://yandex.com/dev/metrika/en/logs/openapi/createLogRequest
        Not idempotent: look for the order in the list when the answer is lost.
        """
        path = f"/counter/{counter_number}/logrequests"
        return self._post(path, _order(first, last, fields), read_wrapped_log_order)

    def orders(self, counter_number: int) -> list[LogOrder]:
        """List the orders of the counter that Metrika still knows, whoever placed them.

        https://yandex.com/dev/metrika/en/logs/openapi/getLogRequests
        """
        path = f"/counter/{counter_number}/logrequests"
        return self._get(path, {}, lambda body: read_list(body, "requests", read_log_order))

    def order(self, counter_number: int, request_id: int) -> LogOrder:
        """Return an order as it is now.

        https://yandex.com/dev/metrika/en/logs/openapi/getLogRequest
        """
        path = f"/counter/{counter_number}/logrequest/{request_id}"
        return self._get(path, {}, read_wrapped_log_order)

    def clean(self, counter_number: int, request_id: int) -> LogOrder:
        """Remove logs that are prepared.

        https://yandex.com/dev/metrika/en/logs/openapi/clean
        """
        path = f"/counter/{counter_number}/logrequest/{request_id}/clean"
        return self._post(path, {}, read_wrapped_log_order)

    def cancel(self, counter_number: int, request_id: int) -> LogOrder:
        """Call off an order that is not prepared yet.

        https://yandex.com/dev/metrika/en/logs/openapi/cancel
        """
        path = f"/counter/{counter_number}/logrequest/{request_id}/cancel"
        return self._post(path, {}, read_wrapped_log_order)

    @contextmanager
    def part(
        self, counter_number: int, request_id: int, part: int, *, fields: Sequence[str]
    ) -> Iterator[LogPart]:
        """Open a part of prepared logs. Its columns are those of ``fields``, or it is refused.

        https://yandex.com/dev/metrika/en/logs/openapi/download
        """
        path = f"/counter/{counter_number}/logrequest/{request_id}/part/{part}/download"
        with self._transport.stream(self._root + path, auth=self._auth) as (answer, pieces):
            if pieces is None:
                self._understood(answer, f"GET {path}", lambda _body: None)
                raise UnexpectedAnswer(f"GET {path}: no rows", http_status=answer.status)
            yield LogPart(f"GET {path}", pieces, fields)
        if self._on_success:
            self._on_success(answer.sent_at)

    def close(self) -> None:
        self._transport.close()

    def _get(
        self,
        path: str,
        params: Mapping[str, str | int],
        read: Callable[[dict[str, Any]], Result],
    ) -> Result:
        answer = self._transport.get(self._root + path, auth=self._auth, params=params)
        return self._understood(answer, f"GET {path}", read)

    def _post(
        self,
        path: str,
        params: Mapping[str, str | int],
        read: Callable[[dict[str, Any]], Result],
    ) -> Result:
        answer = self._transport.post(self._root + path, auth=self._auth, params=params)
        return self._understood(answer, f"POST {path}", read)

    def _understood(
        self, answer: Answer, action: str, read: Callable[[dict[str, Any]], Result]
    ) -> Result:
        result = understood(answer, action, read)
        if self._on_success:
            self._on_success(answer.sent_at)
        return result


class LogPart:
    """The rows of a part as they come: blocks of whole lines of tab-separated values.

    The header is read and checked at once. Memory holds one piece and one line.
    """

    def __init__(self, action: str, pieces: Iterator[bytes], fields: Sequence[str]) -> None:
        self._action = action
        self._pieces = pieces
        self._rest = b""
        self.columns = self._header(fields)

    def blocks(self) -> Iterator[bytes]:
        """Yield the rows, many at a time; each block ends with a line end."""
        rest = self._rest
        for piece in self._pieces:
            whole, end, tail = piece.rpartition(b"\n")
            if end:
                yield rest + whole + end
                rest = tail
            else:
                rest += tail
            self._check_length(rest)
        if rest:
            # The body is complete, or its end would have raised.
            yield rest + b"\n"

    def _header(self, fields: Sequence[str]) -> tuple[str, ...]:
        text = b""
        for piece in self._pieces:
            text += piece
            if b"\n" in piece:
                break
            self._check_length(text)
        head, _end, self._rest = text.partition(b"\n")
        columns = head.removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r").decode(errors="replace")
        names = tuple(columns.split("\t"))
        if sorted(names) != sorted(fields):
            raise UnexpectedAnswer(f"{self._action}: the columns are not those that were ordered")
        return names

    def _check_length(self, line: bytes) -> None:
        if len(line) > MAX_LINE_BYTES:
            raise UnexpectedAnswer(f"{self._action}: a line is over {MAX_LINE_BYTES} bytes")


def _order(first: date, last: date, fields: Sequence[str]) -> dict[str, str | int]:
    return {
        "date1": first.isoformat(),
        "date2": last.isoformat(),
        "fields": ",".join(fields),
        "source": HITS,
    }
