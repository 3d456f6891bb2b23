"""Admin pages of calls, deliveries, uploads and reconciliation.

Django imports this package; each module registers its pages.
"""

from __future__ import annotations

from calls.admin import attempts as attempts
from calls.admin import backfills as backfills
from calls.admin import bulk as bulk
from calls.admin import calls as calls
from calls.admin import deliveries as deliveries
from calls.admin import freshness as freshness
from calls.admin import imports as imports
from calls.admin import intake as intake
from calls.admin import ledger as ledger
from calls.admin import proof as proof
from calls.admin import pull as pull
from calls.admin import reconciliation as reconciliation
from calls.admin import records as records
from calls.admin import restored as restored
from calls.admin import unknown_files as unknown_files
from calls.admin import uploads as uploads
from calls.admin import usage as usage
