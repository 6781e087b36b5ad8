"""Run the console: ``python -m dashboards.console.serve``.

The tables are brought up to date first, so a new version starts by itself; several consoles may
start at once only on PostgreSQL, or one after the other.
"""

import os
import sys

from dashboards.console.configuration import ConsoleSettings
from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink
from ingest.watched import listen
from models import logs
from models.processes import exit_code
from stream_processors.topics import ALARM_ACTIONS, ALARMS, ASSIGNMENTS, HEARTBEATS, RESULTS

_NEEDED = (RESULTS, ALARMS, ALARM_ACTIONS, ASSIGNMENTS, HEARTBEATS)
_END_S = 1


def run(settings: ConsoleSettings, kafka: KafkaConnection) -> None:
    """Be the console until SIGTERM or SIGINT, from the main thread.

    Raises
    ------
    UserError
        In one line, when the folder, Kafka or the port for who watches it cannot be used.
    """
    logs.configure(f"console/{settings.name}")
    listen()
    sink = ConfluentSink(kafka, client_id="console.start")
    sink.require([topic.name for topic in _NEEDED])
    sink.close()
    prepare(settings)
    _serve(settings)


def prepare(settings: ConsoleSettings) -> None:
    """Bring the tables up to date, and make the login that the settings name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboards.console.settings")
    import django  # noqa: PLC0415 (settings first)

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 (settings first)

    from dashboards.console.people.accounts import ensure_administrator  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    password = settings.secret("login_password")
    if settings.login_user and password:
        ensure_administrator(settings.login_user, password)


def _serve(settings: ConsoleSettings) -> None:
    import uvicorn  # noqa: PLC0415 (a command that only prepares need not load it)

    uvicorn.run(
        "dashboards.console.asgi:application",
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=settings.behind_proxy,
        timeout_graceful_shutdown=_END_S,
        lifespan="on",
        ws="none",
    )


def main() -> int:
    """Run with settings from the environment."""
    return exit_code(lambda: run(load(ConsoleSettings), load(KafkaConnection)))


if __name__ == "__main__":
    sys.exit(main())
