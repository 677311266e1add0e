"""The REST binding (A2A 1.0, section 11), with and without a tenant before the path."""

from django.http.response import HttpResponseBase
from rest_framework.request import Request

from agentserver.core.api.operation import EventStream, operation
from agentserver_a2a.api import examples, operations, push_operations, shapes
from agentserver_a2a.api.base import RestView

HEADERS = ("A2A-Version",)
SEND_HEADERS = ("A2A-Version", "Idempotency-Key")
EVENTS = EventStream("StreamResponses, the task itself first", data=shapes.A2AEvent)


class SendView(RestView):
    @operation(
        "Send a message to an agent",
        answers={200: shapes.A2ASendResult},
        errors=(404, 409, 413, 415),
        body=shapes.A2ASendRequest,
        headers=SEND_HEADERS,
        examples={"body": examples.SEND, 200: examples.SENT},
    )
    def post(self, request: Request, tenant: str | None = None) -> HttpResponseBase:
        """Starts a task, or goes on with the interrupted one that `taskId` names. Answers when the
        task has ended or waits for somebody; with `returnImmediately` at once."""
        return self.write(operations.send_message, request, tenant)


class StreamView(RestView):
    @operation(
        "Send a message and follow its task",
        answers={200: EVENTS},
        errors=(404, 409, 413, 415),
        body=shapes.A2ASendRequest,
        headers=SEND_HEADERS,
        examples={"body": examples.SEND, 200: examples.EVENTS},
    )
    def post(self, request: Request, tenant: str | None = None) -> HttpResponseBase:
        """As `message:send`. The stream ends when the task has ended or waits for somebody; the
        task goes on when the client goes away."""
        return self.write(operations.send_streaming_message, request, tenant)


class TasksView(RestView):
    @operation(
        "List tasks",
        answers={200: shapes.A2ATaskList},
        errors=(404,),
        query=shapes.A2ATaskListQuery,
        headers=HEADERS,
        examples={200: examples.TASK_LIST},
    )
    def get(self, request: Request, tenant: str | None = None) -> HttpResponseBase:
        """Every run is a task, whatever protocol began it. The latest change comes first."""
        return self.read(operations.list_tasks, request, tenant)


class TaskView(RestView):
    @operation(
        "Get a task",
        answers={200: shapes.A2ATask},
        errors=(404,),
        query=shapes.A2ATaskQuery,
        headers=HEADERS,
        examples={200: examples.TASK},
    )
    def get(self, request: Request, task_id: str, tenant: str | None = None) -> HttpResponseBase:
        """With everything that was said and made in it."""
        return self.read(operations.get_task, request, tenant, id=task_id)


class CancelView(RestView):
    @operation(
        "Cancel a task",
        answers={200: shapes.A2ATask},
        errors=(404, 409, 413, 415),
        body=shapes.A2ACancelRequest,
        empty_body=True,
        headers=HEADERS,
        examples={"body": {}, 200: examples.CANCELED_TASK},
    )
    def post(self, request: Request, task_id: str, tenant: str | None = None) -> HttpResponseBase:
        """Also one that waits. A task that has ended is `TASK_NOT_CANCELABLE`."""
        return self.write(operations.cancel, request, tenant, empty=True, id=task_id)


class SubscribeView(RestView):
    @operation(
        "Follow a task",
        answers={200: EVENTS},
        errors=(404,),
        headers=HEADERS,
        examples={200: examples.EVENTS},
    )
    def get(self, request: Request, task_id: str, tenant: str | None = None) -> HttpResponseBase:
        """The task as it stands, then what happens to it until it ends. A task that has ended is
        `UNSUPPORTED_OPERATION`. POST does the same."""
        return self.read(operations.subscribe_to_task, request, tenant, id=task_id)

    @operation(
        "Follow a task",
        answers={200: EVENTS},
        errors=(404,),
        scope="read",
        headers=HEADERS,
        examples={200: examples.EVENTS},
    )
    def post(self, request: Request, task_id: str, tenant: str | None = None) -> HttpResponseBase:
        """As GET. No body is needed; one that is sent is not looked at."""
        return self.read(operations.subscribe_to_task, request, tenant, id=task_id)


class PushConfigsView(RestView):
    @operation(
        "List the push configurations of a task",
        answers={200: shapes.A2APushConfigList},
        errors=(404,),
        query=shapes.A2APushListQuery,
        headers=HEADERS,
        examples={200: examples.PUSH_CONFIG_LIST},
    )
    def get(self, request: Request, task_id: str, tenant: str | None = None) -> HttpResponseBase:
        """Oldest first."""
        return self.read(push_operations.list_push_configs, request, tenant, taskId=task_id)

    @operation(
        "Have the events of a task pushed",
        answers={200: shapes.A2APushConfig},
        errors=(404, 409, 413, 415),
        body=shapes.A2APushConfig,
        headers=HEADERS,
        examples={"body": examples.NEW_PUSH_CONFIG, 200: examples.PUSH_CONFIG},
    )
    def post(self, request: Request, task_id: str, tenant: str | None = None) -> HttpResponseBase:
        """Each event of the task is posted to `url`. A configuration with the id of another one
        replaces it; without an id it gets one."""
        return self.write(push_operations.create_push_config, request, tenant, taskId=task_id)


class PushConfigView(RestView):
    @operation(
        "Get a push configuration",
        answers={200: shapes.A2APushConfig},
        errors=(404,),
        headers=HEADERS,
        examples={200: examples.PUSH_CONFIG},
    )
    def get(
        self, request: Request, task_id: str, config_id: str, tenant: str | None = None
    ) -> HttpResponseBase:
        """Without its token and credentials, which only who gave them needs."""
        path = {"taskId": task_id, "id": config_id}
        return self.read(push_operations.get_push_config, request, tenant, **path)

    @operation(
        "Delete a push configuration",
        answers={200: shapes.A2ANothing},
        errors=(404,),
        headers=HEADERS,
        examples={200: {}},
    )
    def delete(
        self, request: Request, task_id: str, config_id: str, tenant: str | None = None
    ) -> HttpResponseBase:
        """No harm is done by deleting one that is gone already."""
        path = {"taskId": task_id, "id": config_id}
        return self.read(push_operations.delete_push_config, request, tenant, **path)


class ExtendedCardView(RestView):
    @operation(
        "Get the extended agent card",
        answers={200: shapes.A2ACard},
        errors=(400, 404, 501),
        headers=HEADERS,
        examples={200: examples.CARD},
    )
    def get(self, request: Request, tenant: str | None = None) -> HttpResponseBase:
        """More about the agents, for callers with a key; of one agent under its tenant. Only where
        the setting `AGENTSERVER_A2A_EXTENDED_CARD` allows it, else 501."""
        return self.read(operations.extended_card, request, tenant)
