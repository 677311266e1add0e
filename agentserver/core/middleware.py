"""Django's middleware in its synchronous form.

Every view here is synchronous up to the point where it returns a stream. Middleware that also
offers an async form would be called through it under ASGI, each hook in a thread hop of its own;
declared synchronous, the whole chain and the view run in one hop.
"""

from corsheaders.middleware import CorsMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware


class Security(SecurityMiddleware):
    async_capable = False


class WhiteNoise(WhiteNoiseMiddleware):  # type: ignore[misc]  # the package has no types
    async_capable = False


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
