from django.contrib.auth.decorators import login_not_required
from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from dashboards.console.api import live_views

urlpatterns = [
    path("health", live_views.Health.as_view(), name="api-health"),
    path("beds", live_views.Beds.as_view(), name="api-beds"),
    path("beds/<str:device_id>", live_views.Bed.as_view(), name="api-bed"),
    path("alarms", live_views.OpenAlarms.as_view(), name="api-alarms"),
    path("alarms/actions", live_views.Actions.as_view(), name="api-actions"),
    path("openapi", login_not_required(SpectacularAPIView.as_view()), name="api-schema"),
    path("", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
]
