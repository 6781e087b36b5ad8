"""Give a one-time code, and enrol for them."""

import base64
from io import BytesIO

import django_otp
import qrcode
import qrcode.image.svg
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django_otp.plugins.otp_totp.models import TOTPDevice

from dashboards.console.audit import log
from dashboards.console.people.second_factor import is_enrolled


def code(request: HttpRequest) -> HttpResponse:
    """The second step of a login; wrong codes make the next try wait."""
    wrong = False
    if request.method == "POST":
        device = django_otp.match_token(request.user, request.POST.get("otp_token", "").strip())
        if device is not None:
            django_otp.login(request, device)
            return redirect("ward")
        log.note(request, "login failed", factor="code")
        wrong = True
    return render(request, "people/code.html", {"wrong": wrong})


def enrol(request: HttpRequest) -> HttpResponse:
    """Show a secret as a QR code until a code proves that it has arrived."""
    if is_enrolled(request.user):
        return redirect("profile")
    device, _ = TOTPDevice.objects.get_or_create(
        user=request.user, confirmed=False, defaults={"name": "authenticator"}
    )
    if request.method == "POST":
        if device.verify_token(request.POST.get("code", "").strip()):
            device.confirmed = True
            device.save()
            django_otp.login(request, device)
            log.note(request, "second factor", enrolled=True)
            messages.success(request, "From now on a code is asked for at every login.")
            return redirect("profile")
        messages.error(request, "This code is not right; wait for the next one.")
    context = {"picture": _picture(device.config_url), "secret": _secret(device)}
    return render(request, "people/enrol.html", context)


def _picture(text: str) -> str:
    """A QR code as a data address."""
    file = BytesIO()
    qrcode.make(text, image_factory=qrcode.image.svg.SvgPathImage, border=2).save(file)
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def _secret(device: TOTPDevice) -> str:
    return base64.b32encode(device.bin_key).decode()
