"""Every setting, typed, from the environment; each constant with its reason."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from kyc.core import env

BASE_DIR = Path(__file__).resolve().parent.parent
VOUCH_HOME = env.path("VOUCH_HOME", default=BASE_DIR / "var")
PROCESS = os.environ.get("VOUCH_PROCESS", "web")  # web | worker | relay | schedule | manage: for logs and metrics

# --- security -------------------------------------------------------------------------------------
DEBUG = env.flag("VOUCH_DEBUG", default=False)
# A process started without a key gets its own: sessions then end with it, which is safe and noticed.
SECRET_KEY = os.environ.get("VOUCH_SECRET_KEY") or secrets.token_urlsafe(48)
ALLOWED_HOSTS = env.words("VOUCH_HOSTS", default="localhost,127.0.0.1,[::1]")
PUBLIC_URL = os.environ.get("VOUCH_PUBLIC_URL", "http://localhost:8000")
BEHIND_TLS = env.flag("VOUCH_BEHIND_TLS", default=not PUBLIC_URL.startswith("http://"))
if BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 8 * 3600  # a working day; reviewers sign in once a day
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# --- applications: areas from low to high (import-linter keeps the order) ----------------------------
AREAS = [
    "kyc.core",
    "kyc.tenants",
    "kyc.http",
    "kyc.audit",
    "kyc.vault",
    "kyc.outbox",
    "kyc.webhooks",
    "kyc.registry",
    "kyc.applicants",
    "kyc.evidence",
    "kyc.faces",
    "kyc.verifications",
    "kyc.inference",
    "kyc.operations",
    "kyc.capture",
    "kyc.privacy",
    "kyc.portal",
]
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    *[area for area in AREAS if (BASE_DIR / area.replace(".", "/") / "apps.py").exists()],
]
MIDDLEWARE = [
    "kyc.http.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "kyc.urls"
WSGI_APPLICATION = "kyc.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- PostgreSQL: one database, three logins (docs/adr/0002) -------------------------------------------
DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://vouch_app@localhost/vouch")
DATABASES = {"default": env.database(DATABASE_URL)}
# Only processes that work across tenants are given these two; the web tier is not.
if url := os.environ.get("DATABASE_SYSTEM_URL"):
    DATABASES["system"] = env.database(url)
if url := os.environ.get("DATABASE_OWNER_URL"):
    DATABASES["owner"] = env.database(url)
DATABASE_ROUTERS = ["kyc.core.scope.Router"]

# --- the broker: a wake-up call, never the truth -------------------------------------------------------
BROKER_URL = os.environ.get("BROKER_URL", "redis://localhost:6379/0")
STORAGE_URL = os.environ.get("STORAGE_URL", f"file://{VOUCH_HOME}/evidence")
# The key-encryption key (kyc.vault.wrappers). Only the default file is made by itself; a named one must exist.
KEYS_URL = os.environ.get("VOUCH_KEYS_URL", f"file://{VOUCH_HOME}/keys/kek.json?create=1")
MEDIA_MAX_BYTES = env.number("VOUCH_MEDIA_MAX_BYTES", default=15_000_000)  # a 50 MP phone photograph is 12 MB
MEDIA_MAX_PIXELS = env.number("VOUCH_MEDIA_MAX_PIXELS", default=50_000_000)
DECODERS = env.number("VOUCH_DECODERS", default=2)  # helper processes per web process; each may take 1 GiB for a moment

# Cameras whose name says they are virtual, but which the operator runs (a branch's kiosk); by their exact label.
CAPTURE_TRUSTED_CAMERAS = env.words("VOUCH_CAPTURE_TRUSTED_CAMERAS")

# --- the audit log: its key, its name to outsiders, and where checkpoints are put out of the database's reach ---
AUDIT_KEYS = env.path("VOUCH_AUDIT_KEYS", default=VOUCH_HOME / "keys" / "audit")
AUDIT_ORIGIN = os.environ.get("VOUCH_AUDIT_ORIGIN", "vouch.local/audit")
AUDIT_WORM_URL = os.environ.get("VOUCH_WORM_URL", f"file://{VOUCH_HOME}/worm")

# --- webhooks: where they may go (kyc.webhooks.addresses) ---------------------------------------------
WEBHOOK_ALLOW_PRIVATE = env.flag("VOUCH_WEBHOOK_ALLOW_PRIVATE", default=False)  # development only: loopback, http
WEBHOOK_NETWORKS = env.words("VOUCH_WEBHOOK_NETWORKS")  # CIDRs of internal receivers, e.g. 10.20.0.0/16
WEBHOOK_PORTS = [int(port) for port in env.words("VOUCH_WEBHOOK_PORTS", default="443,8443")]
WEBHOOK_CA_FILE = os.environ.get("VOUCH_WEBHOOK_CA_FILE") or None  # a bank's own authority; else the system's
WEBHOOK_DISABLE_AFTER_HOURS = env.number("VOUCH_WEBHOOK_DISABLE_AFTER_HOURS", default=72)

# --- HTTP ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["kyc.http.auth.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["kyc.http.auth.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["kyc.http.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "kyc.http.schema.Schema",
    "DEFAULT_PAGINATION_CLASS": "kyc.http.pagination.Page",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "kyc.http.problems.handle",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Vouch",
    "VERSION": "1",
    "DESCRIPTION": "Identity verification: is this a live person, the person on the document, someone seen before.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",  # the docs page asks no third party for anything
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "VerificationState": "kyc.verifications.states.STATE_CHOICES",
        "VerificationKind": "kyc.verifications.states.KIND_CHOICES",
        "MediaState": "kyc.evidence.models.Media.State",
        "MediaKind": "kyc.evidence.models.Media.Kind",
        "JobState": "kyc.inference.models.Inference.State",
        "JobKind": "kyc.inference.models.Inference.Kind",
        "QueueState": "kyc.outbox.models.Job.State",
        "EndpointState": "kyc.webhooks.models.Endpoint.State",
        "DeliveryState": ["pending", "delivering", "failed", "delivered", "abandoned"],
        "ModelState": "kyc.registry.models.ModelVersion.State",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "kyc.http.schema.add_problem",
    ],
}
RATE_LIMIT_PER_MINUTE = env.number("VOUCH_RATE_LIMIT", default=1200)  # per API key; 20/s is a busy onboarding flow
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # bytes of JSON; media has its own, larger bound
# Opens /metrics, /health/detail and /health/canary to the operator's machines; empty: to nobody.
OPERATIONS_TOKEN = os.environ.get("VOUCH_OPERATIONS_TOKEN", "")
MAX_WAIT = 30  # seconds a request may be held by Prefer: wait; below every common proxy's idle limit

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

# --- the rest --------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # no collectstatic step before the first page
WHITENOISE_AUTOREFRESH = DEBUG
LOGIN_URL = "/portal/sign-in"

from kyc.core.logging import LOGGING  # noqa: E402,F401  (after the settings it does not need)
