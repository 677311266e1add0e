"""Loading the SDK at its first use, without stopping the runs of the process for half a second."""

import asyncio
import importlib
from types import ModuleType

_loaded: dict[str, ModuleType] = {}


async def loaded(name: str) -> ModuleType:
    """The module of this name, imported in a thread: the loop goes on meanwhile."""
    if name not in _loaded:
        _loaded[name] = await asyncio.to_thread(importlib.import_module, name)
    return _loaded[name]
