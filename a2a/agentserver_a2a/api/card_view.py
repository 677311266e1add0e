"""The public agent card at its well-known address (A2A 1.0, sections 8.2 and 8.6)."""

from django.http import HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date
from rest_framework.request import Request

from agentserver.core.api.operation import operation
from agentserver_a2a import card
from agentserver_a2a.api import examples
from agentserver_a2a.api.base import RestView, base_url
from agentserver_a2a.api.negotiation import answer_type
from agentserver_a2a.api.shapes import A2ACard
from config import registry

MAX_AGE_SECONDS = 60


class CardView(RestView):
    @operation(
        "Get the agent card",
        answers={200: A2ACard, 304: None},
        errors=(400,),
        public=True,
        examples={200: examples.CARD},
    )
    def get(self, request: Request) -> HttpResponse:
        """Who this server is, where and how it is spoken to, and a skill for each agent. For
        everybody; `ETag` and `If-None-Match` save sending it again."""
        about = card.facts(base_url(request._request))
        found = card.rendered(registry.current(), about)
        fresh = HttpResponse(found.body, content_type=answer_type(request._request))
        fresh["ETag"] = found.etag
        fresh["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
        patch_vary_headers(fresh, ["Accept"])
        if found.modified is not None:
            fresh["Last-Modified"] = http_date(found.modified.timestamp())
        # Settings change the card as well, so only its digest says whether a copy is still good.
        unchanged = get_conditional_response(request._request, etag=found.etag, response=fresh)
        return fresh if unchanged is None else unchanged
