from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "dashboards.console.outbox"
    label = "outbox"
