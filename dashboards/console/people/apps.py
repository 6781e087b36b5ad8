from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "dashboards.console.people"
    label = "people"

    def ready(self) -> None:
        """Have logins written down."""
        from dashboards.console.people import signals  # noqa: F401, PLC0415 (apps must be ready)
