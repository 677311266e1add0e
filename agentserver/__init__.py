"""The project package: settings, entry points and what every app builds on.

Importing it makes the apps below ``a2a/`` and ``mcp/`` importable. Those two folders have no
``__init__.py`` so that they never shadow the PyPI packages of the same names; they are appended
to ``sys.path``, never inserted, for the same reason (docs/adr/0002-name-collision.md).
"""

import sys
from pathlib import Path

__version__ = "0.1.0"

ROOT = Path(__file__).resolve().parent.parent

for _folder in ("a2a", "mcp"):
    _path = str(ROOT / _folder)
    if _path not in sys.path:
        sys.path.append(_path)
