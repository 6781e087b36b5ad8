from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "dashboards.console.audit"
    label = "audit"
