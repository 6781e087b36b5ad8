from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    name = "dashboards.console.recordings"
    label = "console_recordings"

    def ready(self) -> None:
        from dashboards.console.lib import erasers  # noqa: PLC0415 (tables first)
        from dashboards.console.recordings import housekeeping  # noqa: PLC0415

        erasers.register(
            erasers.Eraser("recordings", housekeeping.erase_before, housekeeping.erase_patient)
        )
