from tests.api.conftest import api, bound, open_access

__all__ = ["api", "bound", "open_access"]
