from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "dashboards.console.notifications"
    label = "notifications"
