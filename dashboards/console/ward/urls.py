from django.urls import path

from dashboards.console.ward import feed, views

urlpatterns = [
    path("", views.ward, name="ward"),
    path("beds/<str:device_id>/", views.bed, name="bed"),
    path("api/v1/feed", feed.ward, name="feed"),
    path("api/v1/beds/<str:device_id>/feed", feed.bed, name="bed_feed"),
]
