"""What one run of the benchmarks looks like, wherever its text comes from."""

from typing import Final

DELTA_COUNT: Final = 50
DELTA_MS: Final = 10
DELTA_TEXT: Final = "eight by "
TEXT: Final = DELTA_TEXT * DELTA_COUNT
RUN_SECONDS: Final = (DELTA_COUNT - 1) * DELTA_MS / 1000
PATIENCE_SECONDS: Final = 1800
