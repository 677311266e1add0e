"""Django's middleware in its synchronous form.

Every view here is synchronous up to the point where it returns a stream. Middleware that also
offers an async form would be called through it under ASGI, each hook in a thread hop of its own;
declared synchronous, the whole chain and the view run in one hop.
"""

from contextlib import nullcontext
from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware


class Security(SecurityMiddleware):
    async_capable = False


class WhiteNoise(WhiteNoiseMiddleware):  # type: ignore[misc]  # the package has no types
    async_capable = False

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """The whole file at once: a file response is a synchronous iterator, which Django reads to
        its end under ASGI all the same, and warns about."""
        found = static_file.get_response(request.method, request.META)
        with found.file or nullcontext() as file:
            answer = HttpResponse(file.read() if file else b"", status=int(found.status))
        del answer["content-type"]
        for name, value in found.headers:
            answer[name] = value
        return answer


class Cors(CorsMiddleware):
    async_capable = False


class Session(SessionMiddleware):
    async_capable = False


class Common(CommonMiddleware):
    async_capable = False


class Csrf(CsrfViewMiddleware):
    async_capable = False


class Authentication(AuthenticationMiddleware):
    async_capable = False


class Message(MessageMiddleware):
    async_capable = False


class FrameOptions(XFrameOptionsMiddleware):
    async_capable = False
