"""Administrators say who may what."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django_otp.plugins.otp_totp.models import TOTPDevice

from dashboards.console.audit import log
from dashboards.console.people.access import Role
from dashboards.console.people.decorators import needs
from dashboards.console.people.models import Membership
from dashboards.console.people.second_factor import is_enrolled


class PasswordForm(forms.Form):
    """A password of somebody else's, who changes it afterwards."""

    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), label="Password"
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class UserForm(PasswordForm):
    """A new user, with a first role."""

    field_order = ("username", "password")
    username = forms.RegexField(r"^[\w.@+-]{1,150}$", label="User name")
    role = forms.TypedChoiceField(
        choices=[(r.value, r.name.capitalize()) for r in Role], coerce=int, label="Role"
    )
    ward = forms.CharField(max_length=64, required=False, label="Ward (empty: all)")

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if get_user_model().objects.filter(username=name).exists():
            raise forms.ValidationError("This name is taken.")
        return name


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
    """One user: roles, how they log in, and whether the account is open."""
    somebody = get_object_or_404(get_user_model(), pk=number)
    forms_of: dict[str, Any] = {"grant": MembershipForm, "password": PasswordForm}
    do = request.POST.get("do", "")
    shown = {name: form(request.POST if do == name else None) for name, form in forms_of.items()}
    if request.method == "POST":
        form = shown.get(do)
        if somebody == request.user:
            messages.error(request, "You cannot change your own account here: see your profile.")
            return redirect("user", number)
        if form is None or form.is_valid():
            _change(request, somebody, do, form.cleaned_data if form else {})
            return redirect("user", number)
    context = {
        "somebody": somebody,
        "form": shown["grant"],
        "password_form": shown["password"],
        "roles": somebody.memberships.all(),
        "is_enrolled": is_enrolled(somebody),
        "tokens": somebody.api_tokens.count(),
        "is_own": somebody == request.user,
        "single_sign_on": settings.SINGLE_SIGN_ON,
        "roles_are_provided": settings.PROVIDED_ROLES_CLAIM and hasattr(somebody, "provided_login"),
    }
    return render(request, "people/user.html", context)


def _change(request: HttpRequest, somebody: Any, do: str, values: dict[str, Any]) -> None:
    """Do what the pressed button says, and write down what was done."""
    what = {}
    if do in ("open", "close"):
        somebody.is_active = do == "open"
        somebody.save(update_fields=["is_active"])
    elif do == "remove":
        what = {"taken": _take_away(somebody, request.POST.get("role_id", ""))}
    elif do == "grant":
        held, _ = Membership.objects.update_or_create(
            user=somebody, ward=values["ward"], defaults=values
        )
        what = {"granted": held.in_words()}
    elif do in ("password", "no password"):
        somebody.set_password(values.get("password"))  # None: none fits; all sessions end
        somebody.save(update_fields=["password"])
    elif do == "no code":
        TOTPDevice.objects.filter(user=somebody).delete()
    elif do == "no tokens":
        somebody.api_tokens.all().delete()
    else:
        return
    log.note(request, "user changed", subject=somebody.get_username(), do=do, **what)
    messages.success(request, "Saved.")


def _take_away(somebody: Any, number: str) -> str:
    """Take a role away, and say which it was."""
    held = somebody.memberships.filter(pk=int(number)).first() if number.isdecimal() else None
    if held is None:
        return ""
    held.delete()
    return str(held.in_words())
