from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("outbox", "0002_duty"),)
    operations = (
        migrations.AlterField(
            model_name="duty",
            name="id",
            field=models.BigAutoField(
                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
    )
