"""The query parameters of the OAuth callback. None is trusted, each may be missing."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict

from cabinets.sealing import Secret
from integrations.linking.errors import LinkFailed, LinkFailure

NAMES = ("code", "state", "error")


@dataclass(frozen=True)
class CallbackParams:
    """The parameters that are read; '' for one that is missing. Others are ignored."""

    code: str
    state: str
    error: str

    @classmethod
    def from_query(cls, query: QueryDict) -> CallbackParams:
        """Read the query. Raises LinkFailed when a parameter occurs twice: programs differ in
        which of the two values they take.
        """
        if any(len(query.getlist(name)) > 1 for name in NAMES):
            raise LinkFailed(LinkFailure.REPEATED_PARAMETERS)
        return cls(**{name: Secret(query.get(name, "")) for name in NAMES})
