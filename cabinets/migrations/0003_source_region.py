"""The country of phone numbers without a country code, Russia for the sources there are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cabinets", "0002_last_requests"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="callsource",
            name="region",
            field=models.CharField(
                choices=[
                    ("RU", "Россия"),
                    ("BY", "Беларусь"),
                    ("KZ", "Казахстан"),
                    ("AZ", "Азербайджан"),
                    ("AM", "Армения"),
                    ("GE", "Грузия"),
                    ("KG", "Киргизия"),
                    ("CN", "Китай"),
                    ("MD", "Молдавия"),
                    ("AE", "ОАЭ"),
                    ("RS", "Сербия"),
                    ("TJ", "Таджикистан"),
                    ("TM", "Туркмения"),
                    ("TR", "Турция"),
                    ("UZ", "Узбекистан"),
                ],
                db_default="RU",
                default="RU",
                help_text="Номер без кода страны читается как номер этой страны.",
                max_length=2,
                verbose_name="Страна номеров без кода",
            ),
        ),
    ]
