from django.urls import path

from dashboards.console.notifications import views

urlpatterns = [path("", views.notifications, name="notifications")]
