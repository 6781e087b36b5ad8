"""On PostgreSQL a table can be emptied without a row being deleted; this one cannot."""

from typing import Any

from django.db import migrations

_REFUSE = """
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_auditentry
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
"""


def _refuse(_apps: object, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_REFUSE)


class Migration(migrations.Migration):
    dependencies = (("audit", "0002_append_only"),)
    operations = (migrations.RunPython(_refuse, migrations.RunPython.noop),)
