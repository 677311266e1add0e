from django.db.backends.utils import CursorWrapper
from tests.engine.lab import *
from tests.engine.conftest import lab, engine, offer
import pytest
@pytest.mark.parametrize("kind",["text","tool","approval"])
def test_it_counts(kind, engine, offer, monkeypatch):
    def add(a:int)->int: return a
    offer(add); offer(add,name="guarded",needs_approval=True)
    script = turns([text("hi")]) if kind=="text" else turns([call("add" if kind=="tool" else "guarded","c",a=1)],[text("ok")])
    engine.agent(script)
    seen=[]
    def rest(run, after=0):
        return engine.rest(run, after)
    engine.ask(thread_id="warm") if kind!="approval" else None
    o=CursorWrapper.execute
    import threading
    def ex(self, sql, params=None):
        if "follow" not in threading.current_thread().name: seen.append((threading.current_thread().name[:10], sql[:110]))
        return o(self, sql, params)
    monkeypatch.setattr(CursorWrapper,"execute",ex)
    run=engine.submit(thread_id="x").run
    run=rest(run)
    if kind=="approval":
        engine.decide(run,"c"); rest(run, run.last_seq)
    monkeypatch.undo()
    print(kind, len(seen))
    for s in seen: print(s)
