"""The operations on push notification configurations (A2A 1.0, sections 3.1.7 to 3.1.10)."""

from agentserver_a2a.api.operations import Call, Json, Outcome, Ready, tenant_of
from agentserver_a2a.members import Members
from agentserver_a2a.push import configs
from agentserver_a2a.wire import MAX_PAGE_SIZE


def create_push_config(call: Call, members: Json) -> Outcome:
    task_id = _task_id(call, members)
    made = configs.create_config(
        principal=call.principal,
        tenant=tenant_of(call, members.get("tenant")),
        task_id=task_id,
        config=members,
    )
    return Ready(made)


def get_push_config(call: Call, members: Json) -> Outcome:
    task_id, config_id = _names(call, members)
    found = configs.get_config(
        principal=call.principal,
        tenant=tenant_of(call, members.get("tenant")),
        task_id=task_id,
        config_id=config_id,
    )
    return Ready(found)


def list_push_configs(call: Call, members: Json) -> Outcome:
    given = Members.of(members, from_query=call.from_query)
    task_id = given.id("taskId", required=True) or ""
    size = given.number("pageSize", minimum=0, maximum=MAX_PAGE_SIZE)
    token = given.text("pageToken") or ""
    given.check()
    page = configs.list_configs(
        principal=call.principal,
        tenant=tenant_of(call, members.get("tenant")),
        task_id=task_id,
        page_size=size or configs.DEFAULT_PAGE_SIZE,
        page_token=token,
    )
    return Ready(page)


def delete_push_config(call: Call, members: Json) -> Outcome:
    """No value: REST makes an empty object of it, which a client can parse, JSON-RPC null."""
    task_id, config_id = _names(call, members)
    configs.delete_config(
        principal=call.principal,
        tenant=tenant_of(call, members.get("tenant")),
        task_id=task_id,
        config_id=config_id,
    )
    return Ready(None)


def _task_id(call: Call, members: Json) -> str:
    given = Members.of(members, from_query=call.from_query)
    task_id = given.id("taskId", required=True)
    given.check()
    return task_id or ""


def _names(call: Call, members: Json) -> tuple[str, str]:
    given = Members.of(members, from_query=call.from_query)
    task_id, config_id = given.id("taskId", required=True), given.id("id", required=True)
    given.check()
    return task_id or "", config_id or ""
