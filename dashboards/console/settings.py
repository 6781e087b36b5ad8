"""Django's settings, made from `ConsoleSettings`; nothing is read from elsewhere."""

import importlib.util
from pathlib import Path

from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key

from dashboards.console.configuration import ConsoleSettings
from dashboards.console.lib.kept_secrets import kept_secret
from dashboards.console.lib.provided_roles import parsed
from ingest.connections import load

CONSOLE = load(ConsoleSettings)
HERE = Path(__file__).parent

DEBUG = False
SECRET_KEY = CONSOLE.secret("secret_key") or kept_secret(
    CONSOLE.folder / "secret-key", get_random_secret_key
)
IDENTITY_KEYS = (
    CONSOLE.secret("identity_key")
    or kept_secret(CONSOLE.folder / "identity-key", lambda: Fernet.generate_key().decode())
).split(",")
ALLOWED_HOSTS = [name.strip() for name in CONSOLE.names.split(",")]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "dashboards.console.audit",
    "dashboards.console.people",
    "dashboards.console.outbox",
    "dashboards.console.admissions",
    "dashboards.console.ward",
    "dashboards.console.history",
    "dashboards.console.notifications",
    "dashboards.console.recordings",
    "dashboards.console.api",
    "dashboards.console.fhir",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "dashboards.console.middleware.plain_address",
    "dashboards.console.middleware.browser_rights",
    "dashboards.console.middleware.Unstorable",
    "dashboards.console.middleware.DatabaseAway",
    "dashboards.console.ward.middleware.NotYet",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "dashboards.console.people.middleware.RequireLogin",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "dashboards.console.urls"
ASGI_APPLICATION = "dashboards.console.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboards.console.navigation.of_page",
            ]
        },
    }
]

DATABASES = {"default": CONSOLE.database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
MEDIA_ROOT = CONSOLE.folder / "media"
STORAGES = {
    "default": {
        "BACKEND": CONSOLE.storage or "django.core.files.storage.FileSystemStorage",
        "OPTIONS": CONSOLE.stored_options(),
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_URL = "static/"
STATIC_ROOT = None  # found where they lie: nothing is built or copied before a start
STATICFILES_DIRS = [HERE / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "ward"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "people/locked_out.html"
AXES_VERBOSE = False
AXES_WHITELIST_CALLABLE = "dashboards.console.people.lockout.is_provided"
OTP_TOTP_ISSUER = "Heartward"

SESSION_COOKIE_AGE = 12 * 3600  # a shift
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "media-src": [SELF, "blob:"],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        # To log out may lead on to the provider of single sign-on.
        "form-action": [SELF, *CONSOLE.oidc_logout_origins()],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
if CONSOLE.production:
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    CSRF_TRUSTED_ORIGINS = [f"https://{name}" for name in ALLOWED_HOSTS]
if CONSOLE.behind_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    AXES_IPWARE_PROXY_COUNT = 1

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "dashboards.console.people.tokens.TokenAuthentication",
        "dashboards.console.people.tokens.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["dashboards.console.api.permissions.HasAnyRole"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "dashboards.console.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "dashboards.console.api.errors.answer",
    "PAGE_SIZE": 100,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Heartward",
    "DESCRIPTION": "The ward console's interface. Research software, not a medical device.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "dashboards.console.api.feed_schema.with_feed",
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {"RecordingState": "dashboards.console.recordings.models.State"},
}

EMAIL_HOST = CONSOLE.mail_host or "localhost"
EMAIL_PORT = CONSOLE.mail_port
EMAIL_HOST_USER = CONSOLE.mail_user or ""
EMAIL_HOST_PASSWORD = CONSOLE.secret("mail_password") or ""
EMAIL_USE_TLS = CONSOLE.mail_tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = CONSOLE.mail_from

SINGLE_SIGN_ON = bool(CONSOLE.oidc_client_id)
PROVIDED_ROLES_CLAIM = CONSOLE.oidc_roles_claim
PROVIDED_ROLES = parsed(CONSOLE.oidc_roles)
if SINGLE_SIGN_ON:
    if importlib.util.find_spec("mozilla_django_oidc") is None:
        raise ModuleNotFoundError("mozilla_django_oidc", name="mozilla_django_oidc")
    INSTALLED_APPS.append("mozilla_django_oidc")
    AUTHENTICATION_BACKENDS.append("dashboards.console.people.single_sign_on.Backend")
    OIDC_RP_CLIENT_ID = CONSOLE.oidc_client_id
    OIDC_RP_CLIENT_SECRET = CONSOLE.secret("oidc_client_secret") or ""
    OIDC_RP_SIGN_ALGO = "RS256"
    OIDC_RP_SCOPES = CONSOLE.oidc_scopes
    OIDC_RP_ISSUER = CONSOLE.oidc_issuer
    OIDC_USE_PKCE = True
    OIDC_TIMEOUT = 10
    OIDC_OP_AUTHORIZATION_ENDPOINT = CONSOLE.oidc_authorization_url
    OIDC_OP_TOKEN_ENDPOINT = CONSOLE.oidc_token_url
    OIDC_OP_USER_ENDPOINT = CONSOLE.oidc_user_url
    OIDC_OP_JWKS_ENDPOINT = CONSOLE.oidc_keys_url

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"axes": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
}
