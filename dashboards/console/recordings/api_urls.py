"""Below ``/api/v1/``."""

from django.urls import path

from dashboards.console.recordings import api_views as views
from dashboards.console.recordings import examination_views as live

urlpatterns = [
    path("recordings", views.Recordings.as_view(), name="api-recordings"),
    path("recordings/<uuid:recording_id>", views.OneRecording.as_view(), name="api-recording"),
    path(
        "recordings/<uuid:recording_id>/pictures",
        views.Pictures.as_view(),
        name="api-recording-pictures",
    ),
    path(
        "recordings/<uuid:recording_id>/saliency",
        views.Explanation.as_view(),
        name="api-recording-saliency",
    ),
    path("recordings/<uuid:recording_id>/sound", views.Sound.as_view(), name="api-recording-sound"),
    path("recordings/<uuid:recording_id>/file", views.Source.as_view(), name="api-recording-file"),
    path("examinations", live.Examinations.as_view(), name="api-examinations"),
    path(
        "examinations/<uuid:examination_id>", live.OneExamination.as_view(), name="api-examination"
    ),
    path(
        "examinations/<uuid:examination_id>/sound",
        live.Chunks.as_view(),
        name="api-examination-sound",
    ),
    path(
        "examinations/<uuid:examination_id>/save",
        live.Saving.as_view(),
        name="api-examination-save",
    ),
]
