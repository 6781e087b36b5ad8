from django.urls import path

from dashboards.console.audit import views

urlpatterns = [path("", views.audit, name="audit")]
