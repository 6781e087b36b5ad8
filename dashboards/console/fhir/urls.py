from django.urls import path

from dashboards.console.fhir import views

urlpatterns = [
    path("metadata", views.Metadata.as_view(), name="fhir-metadata"),
    path("Observation", views.Observations.as_view(), name="fhir-observations"),
    path("Observation/<str:identity>", views.OneObservation.as_view(), name="fhir-observation"),
]
