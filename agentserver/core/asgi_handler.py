"""Django's ASGI handler with one thread hop per request, into threads that requests share.

Django gives every request a thread of its own that lives until the response is sent, which for a
stream is minutes, and hops into it again for each signal. Views here are synchronous up to where
they return a stream, and everything behind that is asynchronous: a thread is needed for the view
only.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from agentserver.core.database import release_database

VIEW_THREADS = 64
"""Views at work at a time in one process. A view that waits (for a run to let go) holds one."""

_threads = ThreadPoolExecutor(VIEW_THREADS, thread_name_prefix="view")


class Handler(ASGIHandler):
    """Signals, middleware and view run in one go; database connections never outlive it."""

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Django can only handle HTTP connections, not {scope['type']}.")
        # For what streams do in threads by Django's own means; nothing is started unless they do.
        async with ThreadSensitiveContext():
            await self.handle(scope, receive, send)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            set_script_prefix(get_script_prefix(scope))
            response = await _in_thread(self._respond, scope, body)
            if response.streaming:
                await self._stream(response, receive, send)
            else:
                await self.send_response(response, send)
        finally:
            body.close()

    def _respond(self, scope: Any, body: Any) -> HttpResponseBase:
        """The answer; one that is not a stream is closed already, as far as Django is concerned."""
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refused = self.create_request(scope, body)
        response = cast("HttpResponseBase", self._answer(request) if request else refused)
        if response.streaming:
            release_database()
        else:
            response.close()
        return response

    def _answer(self, request: ASGIRequest) -> Any:
        response = self.get_response(request)
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        return response

    async def _stream(self, response: HttpResponseBase, receive: Any, send: Any) -> None:
        """Sends until the end or until the client is gone, whichever is first."""
        gone = asyncio.ensure_future(self.listen_for_disconnect(receive))
        sending = asyncio.ensure_future(self.send_response(response, send))
        try:
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, sending):
                task.cancel()
            await asyncio.wait({gone, sending})
            await _in_thread(response.close)
        if not sending.cancelled():
            sending.result()


async def _in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    return await sync_to_async(work, thread_sensitive=False, executor=_threads)(*arguments)
