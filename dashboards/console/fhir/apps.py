from django.apps import AppConfig


class FhirConfig(AppConfig):
    name = "dashboards.console.fhir"
    label = "console_fhir"
