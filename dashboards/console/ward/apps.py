from django.apps import AppConfig


class WardConfig(AppConfig):
    name = "dashboards.console.ward"
    label = "console_ward"
