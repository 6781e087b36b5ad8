from django.contrib.auth.decorators import login_not_required
from django.urls import path
from mozilla_django_oidc import views

from dashboards.console.people.single_sign_on_views import Callback

urlpatterns = [
    path(
        "authenticate/",
        login_not_required(views.OIDCAuthenticationRequestView.as_view()),
        name="oidc_authentication_init",
    ),
    path(
        "callback/",
        login_not_required(Callback.as_view()),
        name="oidc_authentication_callback",
    ),
]
