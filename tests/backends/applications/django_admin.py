"""Django's own administration of users, as a hospital's portal would run it: a login, a session, and pages behind it.

DJANGO_FOLDER is where its database is. Its session is a cookie JSESSIONID for the whole host, as a Java server's is.
"""

import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command

FOLDER = os.environ["DJANGO_FOLDER"]

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="of no use", USE_TZ=True, STATIC_URL="/static/",
    SESSION_COOKIE_NAME="JSESSIONID", SESSION_COOKIE_PATH="/", DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER}/users.db"}},
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages", "django.contrib.staticfiles"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
                "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
        "context_processors": [
            "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages"]}}],
)
django.setup()
call_command("migrate", verbosity=0)
call_command("createsuperuser", interactive=False, username="nurse", email="nurse@clinic.example", verbosity=0)

from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.urls import path  # noqa: E402

nurse = User.objects.get(username="nurse")
nurse.set_password("a-password-of-the-clinic")
nurse.save()
urlpatterns = [path("admin/", admin.site.urls)]
app = WSGIHandler()
