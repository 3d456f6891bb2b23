"""The queue by the age of the calls: those of the last day go first, however long it is."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0004_reasons"),
    ]

    operations = [
        migrations.RunSQL(
            # batching.build_upload
            """CREATE INDEX delivery_queue_by_age ON calls_delivery
                   (counter_id, channel, id_kind, is_static, expires_at) WHERE state = 1""",
            "DROP INDEX delivery_queue_by_age",
        ),
    ]
