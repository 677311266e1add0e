"""Push configs of a task: made, replaced, shown without secrets, paged, deleted."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from agentserver.access.principal import ANONYMOUS, Principal
from agentserver.core import secrets
from agentserver_a2a.errors import InvalidParams, TaskNotFound
from agentserver_a2a.models import PushConfig
from agentserver_a2a.push import claims, configs
from config import registry
from config.defaults import agent, model, provider
from config.rotation import reencrypt_secrets
from config.seeding import seed_builtin
from runs.models import Run
from tests.admin.samples import make_run, make_thread
from tests.faces.a2a_oracle import PUSH_CONFIG, PUSH_CONFIGS, judge
from tests.faces.a2a_push import row_of

Json = dict[str, Any]

URL = "https://hooks.example/a?b=c"
STRANGER = Principal("key", "k", "k", frozenset({"read", "run"}), resource_id="other")


@pytest.fixture
def run(db: None) -> Iterator[Run]:
    """A finished one of the agent ``adder``; there is another agent too."""
    seed_builtin(
        {
            "providers": [provider("scripted", adapter="scripted")],
            "models": [model("m", provider="scripted", upstream="m")],
            "agents": [agent("adder", model="m"), agent("somebody-else", model="m")],
        }
    )
    registry.forget()
    yield make_run(make_thread(), agent_id="adder")
    registry.forget()


def who(run: Run, **more: Any) -> Json:
    return {"principal": ANONYMOUS, "tenant": None, "task_id": run.pk, **more}


def create(run: Run, **config: Any) -> Json:
    return configs.create_config(**who(run), config={"url": URL, **config})


def faults(run: Run, config: Json, **more: Any) -> set[str]:
    with pytest.raises(InvalidParams) as refused:
        configs.create_config(**who(run), config=config, **more)
    assert not PushConfig.objects.exists()
    return {violation.field for violation in refused.value.violations}


def test_it_makes_an_id(run: Run) -> None:
    made = create(run)
    assert made == {"id": made["id"], "taskId": run.pk, "url": URL}
    assert configs.get_config(**who(run, config_id=made["id"])) == made


def test_it_keeps_the_id_of_the_client(run: Run) -> None:
    assert create(run, id="mine")["id"] == "mine"


def test_it_reads_snake_case(run: Run) -> None:
    create(run, id="mine", task_id="ignored: the path wins")
    assert row_of(run, "mine").url == URL


def test_it_stores_secrets_encrypted_and_shows_none(run: Run) -> None:
    secret = {"scheme": "Bearer", "credentials": "swordfish"}
    made = create(run, id="mine", token="opensesame", authentication=secret)
    assert judge(PUSH_CONFIG, made)["authentication"] == {"scheme": "Bearer"}
    assert "token" not in made
    row = row_of(run, "mine")
    assert "opensesame" not in row.token
    assert "swordfish" not in row.credentials
    assert secrets.decrypt(row.token) == "opensesame"
    assert secrets.decrypt(row.credentials) == "swordfish"


def test_it_replaces_the_config_with_the_same_id(run: Run) -> None:
    create(run, id="mine", token="old")
    PushConfig.objects.update(
        state="dead", position=7, part=1, attempts=3, last_error="e", claimed_by="w", delivered=4
    )
    create(run, id="mine", url="https://hooks.example/new")
    row = row_of(run, "mine")
    assert (row.url, row.token, row.state) == ("https://hooks.example/new", "", "active")
    assert (row.position, row.part, row.attempts, row.delivered) == (0, 0, 0, 0)
    assert (row.claimed_by, row.last_error) == ("", "")


def test_it_names_everything_that_is_wrong(run: Run) -> None:
    broken = {
        "id": "a/b",
        "url": "http://10.0.0.1/",
        "token": "new\r\nline",
        "authentication": {"credentials": 5},
    }
    assert faults(run, broken, path="configuration.taskPushNotificationConfig") == {
        "configuration.taskPushNotificationConfig.id",
        "configuration.taskPushNotificationConfig.url",
        "configuration.taskPushNotificationConfig.token",
        "configuration.taskPushNotificationConfig.authentication.scheme",
        "configuration.taskPushNotificationConfig.authentication.credentials",
    }


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        5,
        "ftp://hooks.example/",
        "http://hooks.example/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "https://user:pass@hooks.example/",
    ],
)
def test_it_refuses_the_address(run: Run, url: Any) -> None:
    assert faults(run, {"url": url}) == {"url"}


@pytest.mark.parametrize("scheme", ["", "two words", "Bearer\n"])
def test_it_refuses_the_scheme(run: Run, scheme: str) -> None:
    assert faults(run, {"url": URL, "authentication": {"scheme": scheme}}) == {
        "authentication.scheme"
    }


def test_it_bounds_the_webhooks_of_a_task(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configs, "MAX_CONFIGS", 2)
    create(run, id="one")
    create(run, id="two")
    create(run, id="two")
    with pytest.raises(InvalidParams, match="already"):
        create(run, id="three")


def test_it_pages_the_list(run: Run) -> None:
    for name in ("a", "b", "c"):
        create(run, id=name)
    first = configs.list_configs(**who(run, page_size=2))
    assert [each["id"] for each in judge(PUSH_CONFIGS, first)["configs"]] == ["a", "b"]
    rest = configs.list_configs(**who(run, page_size=2, page_token=first["nextPageToken"]))
    assert [each["id"] for each in rest["configs"]] == ["c"]
    assert "nextPageToken" not in rest


def test_it_refuses_a_page_token_of_another_list(run: Run) -> None:
    for name in ("a", "b"):
        create(run, id=name)
    token = configs.list_configs(**who(run, page_size=1))["nextPageToken"]
    other = make_run(run.thread)
    for wrong in (token, "no token"):
        with pytest.raises(InvalidParams):
            configs.list_configs(**who(other, page_token=wrong))


def test_it_deletes_more_than_once(run: Run) -> None:
    create(run, id="mine")
    for _ in range(2):
        configs.delete_config(**who(run, config_id="mine"))
    assert configs.list_configs(**who(run)) == {"configs": []}
    with pytest.raises(TaskNotFound):
        configs.get_config(**who(run, config_id="mine"))


@pytest.mark.parametrize(
    "hidden",
    [{"task_id": "nowhere"}, {"principal": STRANGER}, {"tenant": "somebody-else"}],
)
def test_it_hides_the_configs_of_hidden_tasks(run: Run, hidden: Json) -> None:
    create(run, id="mine")
    caller = who(run) | hidden
    with pytest.raises(TaskNotFound):
        configs.create_config(**caller, config={"url": URL})
    with pytest.raises(TaskNotFound):
        configs.get_config(**caller, config_id="mine")
    with pytest.raises(TaskNotFound):
        configs.list_configs(**caller)
    with pytest.raises(TaskNotFound):
        configs.delete_config(**caller, config_id="mine")
    assert row_of(run, "mine").url == URL


def test_it_remembers_the_tenant(run: Run) -> None:
    made = configs.create_config(**who(run) | {"tenant": "adder"}, config={"url": URL})
    assert made["tenant"] == "adder"


def test_it_goes_with_its_task(run: Run) -> None:
    create(run)
    run.delete()
    assert not PushConfig.objects.exists()


# --- claims ---------------------------------------------------------------------------------------


def test_it_gives_a_config_to_one_worker_until_the_lease_ends(run: Run) -> None:
    create(run, id="mine")
    (mine,) = claims.claim(worker="one", limit=5)
    assert claims.claim(worker="two", limit=5) == []
    PushConfig.objects.update(claimed_until="2020-01-01T00:00:00Z")
    assert claims.renew(claims={mine.pk: mine.claimed_by}) == set()
    assert claims.claim(worker="two", limit=5) == []
    PushConfig.objects.update(claimed_until="2020-01-01T00:00:00Z")
    (other,) = claims.claim(worker="two", limit=5)
    assert claims.renew(claims={mine.pk: mine.claimed_by}) == {mine.pk}
    assert not claims.delivered(mine, position=5, part=0, status=200)
    assert claims.failed(mine, status=500, error="late") is None
    row = row_of(run, "mine")
    assert (row.claimed_by, row.position, row.attempts) == (other.claimed_by, 0, 0)


def test_it_leaves_tasks_that_only_wait_alone(run: Run) -> None:
    create(run, id="mine")
    Run.objects.update(status="waiting", finished_at=None, last_seq=9)
    PushConfig.objects.update(position=9)
    assert claims.claim(worker="one", limit=5) == []
    Run.objects.update(last_seq=10)
    assert len(claims.claim(worker="one", limit=5)) == 1


def test_it_watches_a_task_whose_config_is_new(run: Run) -> None:
    create(run, id="mine")
    Run.objects.update(status="created", finished_at=None)
    assert claims.claim(worker="one", limit=5) == []
    assert len(claims.claim(worker="one", limit=5, task_ids={run.pk})) == 1


def test_it_pauses_longer_after_each_failure(settings: Any) -> None:
    pauses = [claims.pause(attempts) for attempts in range(1, 9)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_it_moves_webhook_secrets_to_a_new_key(run: Run) -> None:
    hook = {"url": URL, "id": "hook", "token": "planted"}
    with override_settings(SECRET_KEY="old"):
        configs.create_config(principal=ANONYMOUS, tenant=None, task_id=run.pk, config=hook)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old", settings.SECRET_KEY]):
        reencrypt_secrets()
    with override_settings(SECRET_KEY="new"):
        assert secrets.decrypt(row_of(run).token) == "planted"
        assert row_of(run).credentials == ""
