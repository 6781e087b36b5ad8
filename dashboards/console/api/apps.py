from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "dashboards.console.api"
    label = "console_api"
