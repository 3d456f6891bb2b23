"""The application's registration."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NoticesConfig(AppConfig):
    """Tells people of a cabinet what needs them, and when it is over."""

    name = "notices"
    verbose_name = _("Уведомления")

    def ready(self) -> None:
        from cabinets import access
        from doctor.findings.added import searches
        from notices import checks  # noqa: F401
        from notices.bell import unseen_notices
        from notices.doctor_checks import open_alerts

        # The bell costs a page no query of its own.
        access.membership_columns["unseen_notices"] = unseen_notices
        searches.append(open_alerts)
