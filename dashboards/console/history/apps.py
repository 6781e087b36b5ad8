from django.apps import AppConfig


class HistoryConfig(AppConfig):
    name = "dashboards.console.history"
    label = "history"
