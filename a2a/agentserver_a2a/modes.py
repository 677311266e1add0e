"""Media types that agents here take and give, as the agent card declares them."""

from typing import Final

TEXT: Final = "text/plain"
DATA: Final = "application/json"
INPUT_MODES: Final = (
    TEXT,
    "text/markdown",
    "text/csv",
    "text/html",
    DATA,
    "application/pdf",
    "application/octet-stream",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "audio/mpeg",
    "audio/wav",
    "video/mp4",
)
OUTPUT_MODES: Final = (TEXT, DATA, "application/octet-stream", "image/png", "image/jpeg")
