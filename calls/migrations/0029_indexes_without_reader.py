"""Four indexes that nobody reads: a unique or wider index of the same table begins with each.

Dropping an index changes the catalogue only, but locks its table, which is busy, for a moment.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0026_delivery_key"),
    ]

    operations = [
        # Behind a backup or a forgotten session it gives up, to be run again, rather than let all
        # work queue up behind it.
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="callkey",
            name="cabinet",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="cabinets.cabinet",
                verbose_name="Кабинет",
            ),
        ),
        migrations.AlterField(
            model_name="ingestreceipt",
            name="source",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="receipts",
                to="cabinets.callsource",
                verbose_name="Источник",
            ),
        ),
        migrations.AlterField(
            model_name="upload",
            name="counter",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="uploads",
                to="counters.counter",
                verbose_name="Счетчик",
            ),
        ),
        migrations.AlterField(
            model_name="uploadattempt",
            name="upload",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tries",
                to="calls.upload",
                verbose_name="Выгрузка",
            ),
        ),
    ]
