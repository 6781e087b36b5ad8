"""Administrators say who may what."""

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from dashboards.console.audit import log
from dashboards.console.people.access import Role
from dashboards.console.people.decorators import needs
from dashboards.console.people.models import Membership


class UserForm(forms.Form):
    """A new user, with a first role."""

    username = forms.RegexField(r"^[\w.@+-]{1,150}$", label="User name")
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), label="Password"
    )
    role = forms.TypedChoiceField(
        choices=[(r.value, r.name.capitalize()) for r in Role], coerce=int, label="Role"
    )
    ward = forms.CharField(max_length=64, required=False, label="Ward (empty: all)")

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if get_user_model().objects.filter(username=name).exists():
            raise forms.ValidationError("This name is taken.")
        return name

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class MembershipForm(forms.ModelForm):
    """One role of a user."""

    class Meta:
        model = Membership
        fields = ("ward", "role", "may_listen_raw")
        labels = {  # noqa: RUF012 (Django's way)
            "ward": "Ward (empty: all)",
            "may_listen_raw": "May listen to raw sound",
        }


@needs(Role.ADMIN, everywhere=True)
def users(request: HttpRequest) -> HttpResponse:
    form = UserForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = get_user_model().objects.create_user(
            form.cleaned_data["username"], password=form.cleaned_data["password"]
        )
        Membership.objects.create(
            user=made, ward=form.cleaned_data["ward"], role=form.cleaned_data["role"]
        )
        log.note(request, "user changed", subject=made.username, made=True)
        return redirect("user", made.pk)
    everybody = get_user_model().objects.prefetch_related("memberships").order_by("username")
    return render(request, "people/users.html", {"users": everybody, "form": form})


@needs(Role.ADMIN, everywhere=True)
def user(request: HttpRequest, number: int) -> HttpResponse:
    """One user: roles, and whether the account is open."""
    somebody = get_object_or_404(get_user_model(), pk=number)
    form = MembershipForm()
    if request.method == "POST":
        form = MembershipForm(request.POST)
        if _changed(request, somebody, form):
            return redirect("user", number)
    context = {"somebody": somebody, "form": form, "roles": somebody.memberships.all()}
    return render(request, "people/user.html", context)


def _changed(request: HttpRequest, somebody: object, form: MembershipForm) -> bool:
    """Do what the pressed button says; False when the form has to be shown again."""
    action = request.POST.get("do", "")
    subject = somebody.get_username()  # type: ignore[attr-defined]
    if action in ("open", "close"):
        if somebody == request.user:
            messages.error(request, "Nobody can close the own account.")
            return True
        somebody.is_active = action == "open"  # type: ignore[attr-defined]
        somebody.save(update_fields=["is_active"])  # type: ignore[attr-defined]
    elif action == "remove":
        Membership.objects.filter(user=somebody, pk=request.POST.get("role_id")).delete()
    elif action == "grant" and form.is_valid():
        values = dict(form.cleaned_data)
        Membership.objects.update_or_create(user=somebody, ward=values.pop("ward"), defaults=values)
    else:
        return False
    log.note(request, "user changed", subject=subject, do=action)
    return True
