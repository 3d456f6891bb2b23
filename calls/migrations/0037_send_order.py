"""`HeldBackOrder` becomes `SendOrder`: the table stays as it is, nothing changes in the database."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0036_rejected_hold_back"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel(old_name="HeldBackOrder", new_name="SendOrder"),
                migrations.AlterModelTable(name="sendorder", table="calls_heldbackorder"),
                migrations.AlterModelOptions(
                    name="sendorder",
                    options={
                        "verbose_name": "заказ отправки",
                        "verbose_name_plural": "заказы отправки",
                    },
                ),
                migrations.AlterField(
                    model_name="sendorder",
                    name="call",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="send_orders",
                        to="calls.call",
                        verbose_name="Звонок",
                    ),
                ),
            ]
        ),
    ]
