from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0007_installation")]

    operations = [
        migrations.AddField(
            model_name="requestday",
            name="looks",
            field=models.PositiveIntegerField(
                db_default=0, default=0, verbose_name="Сверки после запуска"
            ),
        ),
    ]
