from django.urls import path

from dashboards.console.history import export_views, views

urlpatterns = [
    path("alarms/", views.alarms, name="alarms"),
    path("handover/", views.handover, name="handover"),
    path("labels.zip", export_views.labels, name="export_labels"),
]
