"""An index on the key that files carry (`calls.call_key`), built beside the work of a live product.

An interrupted build leaves an invalid index of that name; the next run drops it first.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.expressions import RawSQL

KEY = (
    "left(encode(sha256(replace(cabinet_id::text || ':' || external_id, E'\\\\', E'\\\\\\\\')"
    "::bytea), 'hex'), 32)"
)


class Migration(migrations.Migration):
    # CONCURRENTLY is not to be had inside a transaction.
    atomic = False

    dependencies = [("calls", "0014_held_within_horizon_check")]

    operations = [
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS call_by_key", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="callkey", index=models.Index(RawSQL(KEY, []), name="call_by_key")
        ),
    ]
