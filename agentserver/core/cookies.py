"""Cookies of other people's servers: none are kept where callers share a client."""

from http.cookiejar import CookieJar, DefaultCookiePolicy


def no_cookies() -> CookieJar:
    """A jar that takes nothing: what a server said to one caller must not come back with another's
    request, nor grow for as long as the process lives."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
