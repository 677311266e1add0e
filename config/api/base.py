"""What the views of the configuration share."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from pydantic import ValidationError
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.answers import json_answer
from agentserver.core.api.body import read_json
from agentserver.core.api.paging import Page
from agentserver.core.api.views import ApiView, Wire
from agentserver.core.errors import BadRequest
from agentserver.core.ids import MAX_LENGTH
from config.api.preconditions import etag, expected_revision
from config.api.wire import history_item
from config.errors import InvalidPayload, describe
from config.models import Entry, EntryRevision
from config.namespaces import find_namespace
from config.selectors import current_revision, redacted_document


class ConfigView(ApiView):
    """Answers 404 to an unknown namespace in its path, then 400 while the API is switched off."""

    tag = "config"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "namespace" in kwargs:
            find_namespace(kwargs["namespace"])
        if not settings.AGENTSERVER_CONFIG_API:
            raise BadRequest("config management API not enabled", code="config_api_disabled")

    def payload(self) -> Any:
        """The JSON body, whatever it is: its shape is judged with the texts of `config.errors`."""
        return read_json(self.request._request, limit=self.max_body_bytes)

    def payload_of(self, model: type[Wire], *, empty: bool = False) -> Wire:
        """The JSON body as ``model``, else 400 ``invalid payload: ...``."""
        data = read_json(self.request._request, limit=self.max_body_bytes, empty=empty)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            sentence, issues = describe(error)
            raise InvalidPayload(sentence, issues=issues) from None

    def expected(self, namespace: str, entry_id: str) -> int | None:
        """The revision that ``If-Match`` names."""
        header = self.request.headers.get("If-Match", "")
        return expected_revision(header, lambda: current_revision(namespace, entry_id))

    def actor(self) -> str:
        """Who is calling, for the history: public parts only."""
        principal = principal_of(self.request)
        if principal.kind == "anonymous":
            return principal.kind
        name = principal.name if principal.kind == "user" else principal.id
        return f"{principal.kind}:{name}"[:MAX_LENGTH]


def document_answer(entry: Entry, *, status: int = 200) -> HttpResponse:
    headers = {"ETag": etag(entry.revision)}
    return json_answer(redacted_document(entry), status=status, headers=headers)


def history_answer(page: Page[EntryRevision]) -> HttpResponse:
    return json_answer(page.body([history_item(row) for row in page.rows]))
