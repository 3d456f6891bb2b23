"""Saved filters and exports of the ledger: three new tables."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0007_invitations"),
        ("calls", "0042_metrika_reports"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="LedgerExport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("requested_at", models.DateTimeField(verbose_name="Заказан")),
                ("filters", models.JSONField(editable=False, verbose_name="Условия")),
                ("zone", models.CharField(max_length=64, verbose_name="Часовой пояс")),
                ("language", models.CharField(max_length=8, verbose_name="Язык")),
                ("is_whole", models.BooleanField(verbose_name="Телефоны целиком")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("working", "Файл готовится"),
                            ("done", "Файл готов"),
                            ("failed", "Файл не собран"),
                            ("cancelled", "Отменён"),
                        ],
                        default="working",
                        max_length=10,
                        verbose_name="Состояние",
                    ),
                ),
                ("place", models.CharField(blank=True, default="", editable=False, max_length=48)),
                ("newest_at", models.DateTimeField(editable=False, null=True)),
                ("oldest_at", models.DateTimeField(editable=False, null=True)),
                ("rows", models.PositiveIntegerField(default=0, verbose_name="Строк")),
                ("is_cut", models.BooleanField(default=False, verbose_name="Не все строки")),
                (
                    "failures",
                    models.PositiveSmallIntegerField(default=0, verbose_name="Ошибок подряд"),
                ),
                ("finished_at", models.DateTimeField(null=True, verbose_name="Готов")),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кем заказан",
                    ),
                ),
            ],
            options={
                "verbose_name": "выгрузка звонков в файл",
                "verbose_name_plural": "выгрузки звонков в файл",
            },
        ),
        migrations.CreateModel(
            name="LedgerExportPiece",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="Номер части")),
                ("data", models.BinaryField(verbose_name="Строки")),
                (
                    "export",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pieces",
                        to="calls.ledgerexport",
                        verbose_name="Выгрузка звонков в файл",
                    ),
                ),
            ],
            options={
                "verbose_name": "часть выгрузки звонков",
                "verbose_name_plural": "части выгрузок звонков",
            },
        ),
        migrations.CreateModel(
            name="SavedFilter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="Название")),
                ("parameters", models.JSONField(editable=False, verbose_name="Условия")),
                ("created_at", models.DateTimeField(verbose_name="Сохранён")),
                (
                    "cabinet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cabinets.cabinet",
                        verbose_name="Кабинет",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Кто",
                    ),
                ),
            ],
            options={
                "verbose_name": "сохранённый отбор",
                "verbose_name_plural": "сохранённые отборы",
            },
        ),
        migrations.AddIndex(
            model_name="ledgerexport",
            index=models.Index(
                fields=["cabinet", "-requested_at"], name="ledger_export_by_cabinet"
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerexport",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "working")),
                fields=("cabinet",),
                name="ledger_export_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerexportpiece",
            constraint=models.UniqueConstraint(
                fields=("export", "number"), name="ledger_export_piece_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="savedfilter",
            constraint=models.UniqueConstraint(
                fields=("cabinet", "user", "name"), name="saved_filter_once"
            ),
        ),
    ]
