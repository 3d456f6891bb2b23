"""What a profile cannot say of a figure that misses its goal: what its floor leaves out."""

from __future__ import annotations

_READ_ALREADY = (
    "The floor copies rows that are there: it reads no record, checks nothing, looks for no earlier"
    " call and decides nothing. The profile has what each of these costs."
)
#: The first word of a figure's title → a sentence.
LIMITS: dict[str, str] = {
    "P1": _READ_ALREADY,
    "P2": _READ_ALREADY,
    "P3": "The floor copies decided rows: it evaluates no rule and reads no call.",
    "P4": "The floor updates a table without indexes, whose rows nothing else looks at; a claimed"
    " row is found, locked, and entered in the index of its file.",
    "P5": "The floor copies values as they are, at times with parallel workers; the product checks"
    " each cell, masks phones, makes the key of each address, and asks for no workers.",
    "P6": "`curl` reads a file in the page cache; the product reads pieces out of PostgreSQL and"
    " checks their hash, so that no byte leaves that was not frozen.",
    "P7": "The floor knows the source, the secret and the values of the rows beforehand, and runs"
    " no middleware.",
    "P14": "The floor reads one column of each call and applies no rule.",
    "P8": "The sum of import and sending. " + _READ_ALREADY,
}
