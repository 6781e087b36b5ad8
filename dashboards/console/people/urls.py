from django.urls import path

from dashboards.console.people import audit_views, second_factor_views, user_views, views

urlpatterns = [
    path("login/", views.Login.as_view(), name="login"),
    path("login/code/", second_factor_views.code, name="code"),
    path("logout/", views.Logout.as_view(), name="logout"),
    path("profile/", views.profile, name="profile"),
    path("profile/password/", views.ChangePassword.as_view(), name="password"),
    path("profile/enrol/", second_factor_views.enrol, name="enrol"),
    path("profile/tokens/", views.make_token, name="make_token"),
    path("profile/tokens/<int:number>/remove/", views.remove_token, name="remove_token"),
    path("audit/", audit_views.audit, name="audit"),
    path("users/", user_views.users, name="users"),
    path("users/<int:number>/", user_views.user, name="user"),
]
