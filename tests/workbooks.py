"""Opens Excel workbooks as a person would, with openpyxl."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import IO, Any

import openpyxl


def sheet_in(file: IO[bytes] | Path) -> Any:
    """Return the only sheet of the workbook."""
    return openpyxl.load_workbook(file).active


def values_in(sheet: Any) -> list[list[Any]]:
    """Return the value of every cell, row by row."""
    return [[cell.value for cell in row] for row in sheet]


def local(text: str) -> datetime:
    """Return a time as a cell of Excel has it: without a zone."""
    return datetime.fromisoformat(text)
