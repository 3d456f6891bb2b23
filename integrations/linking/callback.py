"""What the browser brings back from Yandex. None of it is trusted; all of it is optional."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict

from cabinets.sealing import Sealed
from integrations.linking.errors import LinkFailed, LinkFailure

NAMES = ("code", "state", "error")


@dataclass(frozen=True)
class CallbackAnswer:
    """The three parameters that count; '' for one that is missing. Others are ignored."""

    code: str
    state: str
    error: str

    @classmethod
    def read(cls, query: QueryDict) -> CallbackAnswer:
        """Read the query. Raises LinkRefused when a parameter comes twice: which one counts would
        be a guess, and different programs guess differently.
        """
        if any(len(query.getlist(name)) > 1 for name in NAMES):
            raise LinkFailed(LinkFailure.REPEATED_PARAMETERS)
        return cls(**{name: Sealed(query.get(name, "")) for name in NAMES})
