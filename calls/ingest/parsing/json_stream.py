"""Reads a JSON text value by value, so that a long list is never in memory as a whole. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO

from calls.ingest.parsing.json_values import STRICT_DECODER, MalformedJson

#: Characters per read; while a value is longer, each read doubles the buffer.
CHUNK = 1 << 18
#: Characters of a value: one that is broken cannot be told from one that goes on, and the rest of
#: the file would come into memory.
MAX_VALUE = 1 << 23
_SPACES = " \t\n\r"
_AFTER_VALUE = frozenset(f"{_SPACES},:]}}")


class JsonStream:
    """A position in the text. Every method raises MalformedJson where the text is not JSON."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._buffer = ""
        self._at = 0
        self._is_at_end = False

    def peek(self) -> str:
        """Return the first character of the next value, "" at the end."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _SPACES:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if self._is_at_end:
                return ""
            self._read_more()

    def value(self) -> Any:
        """Return the next value, whatever it is."""
        self.peek()
        while True:
            try:
                value, end = STRICT_DECODER.raw_decode(self._buffer, self._at)
            except RecursionError as problem:
                raise MalformedJson("nested too deep") from problem
            except ValueError as problem:
                if self._is_at_end:
                    raise MalformedJson("not a JSON text") from problem
            else:
                # At the end of the buffer a number may be incomplete, such as "0.".
                if self._buffer[end : end + 1] in _AFTER_VALUE or self._is_at_end:
                    self._at = end
                    return value
            self._read_more()

    def items(self) -> Iterator[Any]:
        """Yield the items of the list that comes next."""
        self._expect("[")
        if self.peek() == "]":
            self._expect("]")
            return
        while True:
            yield self.value()
            if self._expect(",]") == "]":
                return

    def names(self) -> Iterator[str]:
        """Yield the names of the object that comes next; the caller reads each one's value."""
        self._expect("{")
        if self.peek() == "}":
            self._expect("}")
            return
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise MalformedJson("a name that is no text")
            self._expect(":")
            yield name
            if self._expect(",}") == "}":
                return

    def end(self) -> None:
        """Raise MalformedJson unless the text ends here."""
        if self.peek():
            raise MalformedJson("something follows the value")

    def _expect(self, expected: str) -> str:
        found = self.peek()
        if not found or found not in expected:
            raise MalformedJson(f"one of {expected} expected")
        self._at += 1
        return found

    def _read_more(self) -> None:
        rest = self._buffer[self._at :]
        if len(rest) > MAX_VALUE:
            raise MalformedJson("a value that is too long")
        try:
            more = self._text.read(max(CHUNK, len(rest)))
        except UnicodeDecodeError as problem:
            raise MalformedJson("not in UTF-8") from problem
        self._is_at_end = not more
        self._buffer, self._at = rest + more, 0
