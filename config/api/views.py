"""``/v1/config/:ns``: documents, their schema, their origin (docs/native-api.md)."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from agentserver.core.api.answers import empty_answer, json_answer
from agentserver.core.api.operation import operation
from config.api.base import ConfigView, document_answer
from config.api.wire import (
    ConfigDocument,
    ConfigPatch,
    DeleteQuery,
    DocumentList,
    DocumentListQuery,
    DryRun,
    EntryMeta,
    StoredDocument,
)
from config.namespaces import AGENTS
from config.schema import namespace_schema
from config.selectors import entry_meta, get_entry, list_entries, redacted_document
from config.services import delete_entry, patch_entry, put_entry, reset_entry, validate_entry


class Documents(ConfigView):
    @operation("List documents", scope="config", answers={200: DocumentList}, errors=(404,))
    def get(self, request: Request, namespace: str, query: DocumentListQuery) -> HttpResponse:
        """Ordered by id."""
        return _listing(namespace, query)

    @operation(
        "Create a document",
        scope="config",
        answers={201: StoredDocument},
        errors=(404, 409),
        body=ConfigDocument,
    )
    def post(self, request: Request, namespace: str) -> HttpResponse:
        """Published at once: the next run and the next capabilities call see it. 409 when there is
        an entry of this id."""
        entry = put_entry(
            namespace=namespace, document=self.payload(), actor=self.actor(), create_only=True
        )
        return document_answer(entry, status=201)


class Document(ConfigView):
    @operation("Get a document", scope="config", answers={200: StoredDocument}, errors=(404,))
    def get(self, request: Request, namespace: str, entry_id: str) -> HttpResponse:
        """The `ETag` is the revision; send it back as `If-Match` to write conditionally."""
        return document_answer(get_entry(namespace, entry_id))

    @operation(
        "Replace a document",
        scope="config",
        answers={200: StoredDocument},
        errors=(404, 409),
        headers=("If-Match",),
        body=ConfigDocument,
    )
    def put(self, request: Request, namespace: str, entry_id: str) -> HttpResponse:
        """Creates it when absent. Members left out fall back to their defaults, secrets are kept.
        409 with the current `revision` when `If-Match` or the body's `revision` is another."""
        entry = put_entry(
            namespace=namespace,
            document=self.payload(),
            actor=self.actor(),
            path_id=entry_id,
            expected_revision=self.expected(namespace, entry_id),
        )
        return document_answer(entry)

    @operation(
        "Change members of a document",
        scope="config",
        answers={200: StoredDocument},
        errors=(404, 409),
        headers=("If-Match",),
        body=ConfigPatch,
    )
    def patch(self, request: Request, namespace: str, entry_id: str) -> HttpResponse:
        """JSON Merge Patch. On a builtin document the changed members become overrides, which
        survive an upgrade."""
        entry = patch_entry(
            namespace=namespace,
            key=entry_id,
            patch=self.payload(),
            actor=self.actor(),
            expected_revision=self.expected(namespace, entry_id),
        )
        return document_answer(entry)

    @operation(
        "Delete a document",
        scope="config",
        answers={204: None},
        errors=(404, 409),
        headers=("If-Match",),
    )
    def delete(
        self, request: Request, namespace: str, entry_id: str, query: DeleteQuery
    ) -> HttpResponse:
        """409 with `used_by` while other documents depend on it."""
        delete_entry(
            namespace=namespace,
            key=entry_id,
            actor=self.actor(),
            expected_revision=self.expected(namespace, entry_id),
            force=query.force,
        )
        return empty_answer()


class Schema(ConfigView):
    @operation(
        "Get the schema of a namespace",
        scope="config",
        answers={200: dict[str, Any]},
        errors=(404,),
    )
    def get(self, request: Request, namespace: str) -> HttpResponse:
        """JSON Schema (draft 2020-12) of the stored form; secrets are `writeOnly`."""
        return json_answer(namespace_schema(namespace))


class Validation(ConfigView):
    @operation(
        "Try a write",
        scope="config",
        answers={200: DryRun},
        errors=(404, 409),
        body=ConfigDocument,
    )
    def post(self, request: Request, namespace: str) -> HttpResponse:
        """What a PUT would store, with its errors and with warnings. Nothing is stored."""
        return json_answer(validate_entry(namespace=namespace, document=self.payload()))


class Meta(ConfigView):
    @operation("Get a document's origin", scope="config", answers={200: EntryMeta}, errors=(404,))
    def get(self, request: Request, namespace: str, entry_id: str) -> HttpResponse:
        return json_answer(entry_meta(get_entry(namespace, entry_id)))


class Overrides(ConfigView):
    @operation(
        "Reset a builtin document",
        scope="config",
        answers={200: StoredDocument},
        errors=(404, 409),
        headers=("If-Match",),
    )
    def delete(self, request: Request, namespace: str, entry_id: str) -> HttpResponse:
        """Drops the changes of users, also a deletion: the document says what the code says."""
        entry = reset_entry(
            namespace=namespace,
            key=entry_id,
            actor=self.actor(),
            expected_revision=self.expected(namespace, entry_id),
        )
        return document_answer(entry)


class Agents(ConfigView):
    tag = "agents"

    @operation("List agents", answers={200: DocumentList})
    def get(self, request: Request, query: DocumentListQuery) -> HttpResponse:
        """The documents of the namespace `agents`, for readers too."""
        return _listing(AGENTS, query)


class Agent(ConfigView):
    tag = "agents"

    @operation("Get an agent", answers={200: StoredDocument}, errors=(404,))
    def get(self, request: Request, agent_id: str) -> HttpResponse:
        return document_answer(get_entry(AGENTS, agent_id))


def _listing(namespace: str, query: DocumentListQuery) -> HttpResponse:
    page = list_entries(namespace, offset=query.offset, limit=query.limit)
    return json_answer(
        {
            "namespace": namespace,
            "items": [redacted_document(entry) for entry in page.items],
            "offset": query.offset,
            "limit": query.limit,
            "total": page.total,
        }
    )
