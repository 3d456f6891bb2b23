"""The state of the sandbox, in one object."""

from __future__ import annotations

from .callkeeper.accounts import Accounts
from .clock import Clock
from .counters import Counters
from .faults import Faults
from .goals import Goals
from .journal import Journal
from .log_requests import LogRequests
from .options import Options
from .people import People
from .quotas import Quotas
from .storage import Store
from .tokens import Tokens
from .uploadings import Uploadings
from .visits import Visits


class World:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.store = Store(options.state)
        self.clock = Clock(self.store)
        self.people = People(self.store)
        self.counters = Counters(self.store)
        self.goals = Goals(self.store, self.clock, options)
        self.tokens = Tokens(self.store, self.clock)
        self.visits = Visits(self.store)
        self.uploadings = Uploadings(self.store, self.clock, options.ripen_seconds, self.visits)
        self.logs = LogRequests(self.store, self.clock, options.ripen_seconds)
        self.callkeeper = Accounts(self.store)
        self.quotas = Quotas(self.clock, options)
        self.faults = Faults()
        self.journal = Journal()

    @property
    def is_new(self) -> bool:
        return self.store.one("SELECT 1 FROM settings WHERE name = 'scenario'") is None

    @property
    def scenario(self) -> str:
        row = self.store.one("SELECT value FROM settings WHERE name = 'scenario'")
        return str(row["value"]) if row else ""

    def clear(self) -> None:
        """Delete people, counters, tokens, uploadings and faults, and reset the clock."""
        self.store.clear()
        self.clock.reset()
        self.faults.clear()
        self.journal.clear()
        self.quotas.clear()
        self.logs.reset()
        self.goals.limit = self.options.goal_limit
