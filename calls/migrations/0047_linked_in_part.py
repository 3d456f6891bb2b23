"""Hours with rows of files that were accepted in part are counted again: their links count now.

An hour after the migration, when the processes of the former version are gone: they would count
these hours as before.
"""

from __future__ import annotations

from django.db import migrations

_AGAIN = """
INSERT INTO calls_summaryhour (cabinet_id, hour, valid_until)
SELECT DISTINCT cabinet_id, hour, now() + interval '1 hour' FROM calls_deliverysummary
WHERE shown = 'partly_accepted'
ON CONFLICT (cabinet_id, hour) DO UPDATE
    SET valid_until = least(calls_summaryhour.valid_until, excluded.valid_until)
"""


class Migration(migrations.Migration):
    dependencies = [("calls", "0046_chart_notes")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(_AGAIN, migrations.RunSQL.noop),
    ]
