from django.apps import AppConfig


class AdmissionsConfig(AppConfig):
    name = "dashboards.console.admissions"
    label = "admissions"
