from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("outbox", "0001_initial"),)
    operations = (
        migrations.CreateModel(
            name="Duty",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=32, unique=True)),
                ("holder", models.CharField(max_length=64)),
                ("until_us", models.BigIntegerField()),
            ],
        ),
    )
