from django.urls import path

from dashboards.console.recordings import views

urlpatterns = [
    path("", views.recordings, name="recordings"),
    path("live/", views.live, name="examination"),
    path("compare/", views.compare, name="compare_recordings"),
    path("export.csv", views.export, name="export_recordings"),
    path("<uuid:recording_id>/", views.recording, name="recording"),
    path("<uuid:recording_id>/delete/", views.delete, name="delete_recording"),
]
