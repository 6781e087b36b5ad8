from django.contrib.auth.decorators import login_not_required
from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from dashboards.console.api import (
    admission_views,
    history_views,
    live_views,
    model_views,
    sound_views,
)

urlpatterns = [
    path("health", live_views.Health.as_view(), name="api-health"),
    path("beds", live_views.Beds.as_view(), name="api-beds"),
    path("beds/<str:device_id>", live_views.Bed.as_view(), name="api-bed"),
    path("alarms", live_views.OpenAlarms.as_view(), name="api-alarms"),
    path("alarms/actions", live_views.Actions.as_view(), name="api-actions"),
    path("alarms/history", history_views.AlarmHistory.as_view(), name="api-alarm-history"),
    path("alarms/<str:episode_id>/strip", history_views.AlarmStrip.as_view(), name="api-strip"),
    path("beds/<str:device_id>/sound", sound_views.BedSound.as_view(), name="api-sound"),
    path("beds/<str:device_id>/trend", history_views.BedTrend.as_view(), name="api-trend"),
    path("results", history_views.Results.as_view(), name="api-results"),
    path("minutes", history_views.Minutes.as_view(), name="api-minutes"),
    path("clips", history_views.Clips.as_view(), name="api-clips"),
    path("clips/<uuid:clip_id>/sound", history_views.ClipSound.as_view(), name="api-clip-sound"),
    path("notes", history_views.Notes.as_view(), name="api-notes"),
    path("labels", history_views.Labels.as_view(), name="api-labels"),
    path("devices", admission_views.Devices.as_view(), name="api-devices"),
    path("patients", admission_views.Patients.as_view(), name="api-patients"),
    path("assignments", admission_views.Assignments.as_view(), name="api-assignments"),
    path("assignments/<str:assignment_id>/move", admission_views.Move.as_view(), name="api-move"),
    path(
        "assignments/<str:assignment_id>/discharge",
        admission_views.Discharge.as_view(),
        name="api-discharge",
    ),
    path(
        "assignments/<str:assignment_id>/limits",
        admission_views.Limits.as_view(),
        name="api-limits",
    ),
    path("users", admission_views.Users.as_view(), name="api-users"),
    path("users/<int:pk>", admission_views.OneUser.as_view(), name="api-user"),
    path("models", model_views.Models.as_view(), name="api-models"),
    path("openapi", login_not_required(SpectacularAPIView.as_view()), name="api-schema"),
    path("", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
]
