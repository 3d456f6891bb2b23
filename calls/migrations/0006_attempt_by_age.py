"""An index for the support desk's list of tries, made beside the work of a live product."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # CONCURRENTLY is not to be had inside a transaction.
    atomic = False

    dependencies = [
        ("calls", "0005_queue_of_today"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="uploadattempt",
            index=models.Index(fields=["started_at"], name="attempt_by_age"),
        ),
    ]
