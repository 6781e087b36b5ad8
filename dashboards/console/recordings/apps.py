from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    name = "dashboards.console.recordings"
    label = "console_recordings"
