"""Every page; each app names its own."""

from django.conf import settings
from django.urls import include, path

handler500 = "dashboards.console.middleware.server_error"
urlpatterns = [
    path("", include("dashboards.console.ward.urls")),
    path("", include("dashboards.console.people.urls")),
    path("admissions/", include("dashboards.console.admissions.urls")),
    path("history/", include("dashboards.console.history.urls")),
    path("notifications/", include("dashboards.console.notifications.urls")),
    path("recordings/", include("dashboards.console.recordings.urls")),
    path("api/v1/", include("dashboards.console.recordings.api_urls")),
    path("api/v1/", include("dashboards.console.api.urls")),
    path("fhir/", include("dashboards.console.fhir.urls")),
]
if settings.SINGLE_SIGN_ON:
    urlpatterns.append(path("oidc/", include("dashboards.console.people.single_sign_on_urls")))
