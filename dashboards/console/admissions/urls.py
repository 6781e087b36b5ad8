from django.urls import path

from dashboards.console.admissions import limits_views, patient_views, views

urlpatterns = [
    path("", views.admissions, name="admissions"),
    path("assign/", views.assign, name="assign"),
    path("assignments/<str:assignment_id>/move/", views.move, name="move"),
    path("assignments/<str:assignment_id>/discharge/", views.discharge, name="discharge"),
    path("assignments/<str:assignment_id>/limits/", limits_views.limits, name="limits"),
    path("patients/<str:pseudonym>/", patient_views.patient, name="patient"),
]
