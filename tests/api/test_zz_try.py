from tests.engine_fixture import Engine, engine
from tests.api.conftest import *

def test_a(engine, api):
    engine.agent("echo", [{"reply": [{"text": "{{last_user}}", "chunks": 3}]}])
    answer = api.post("/v1/runs", {"agentId": "echo", "messages": [{"role":"user","content":"hello world"}]})
    print(answer.status_code, dict(answer.headers))
    print(answer.getvalue().decode() if answer.streaming else answer.content)
    rid=answer.headers["x-run-id"]
    print(api.get(f"/v1/runs/{rid}").json())
    print(api.get(f"/v1/runs/{rid}/events").json())
    tid=answer.headers["x-thread-id"]
    print(api.get(f"/v1/threads/{tid}").json())
    print(api.get(f"/v1/threads/{tid}/mailbox").json())
    print(api.get(f"/v1/threads/summaries").json())
    assert 0
