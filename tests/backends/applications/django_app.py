"""The clinic in Django."""

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="of no use", MIDDLEWARE=[
    "django.middleware.common.CommonMiddleware"])
django.setup()


def secret(request: HttpRequest, **parameters: str) -> HttpResponse:
    return HttpResponse("secret", headers={"X-Resource": "secret"})


def order(request: HttpRequest) -> HttpResponse:
    resource = "written" if request.method != "GET" else "nothing"
    return HttpResponse(resource, headers={"X-Resource": resource})


urlpatterns = [
    path("results/<number>", secret), re_path(r"^results$", secret), path("admin/<path:rest>", secret),
    path("orders", order),
]
app = WSGIHandler()
