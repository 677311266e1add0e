"""Records on their way through the live channel stay what they were."""

import pytest

from agentserver.core.exact_json import dumps, loads
from runs.events.live.base import decode_records, encode_record
from runs.events.types import DataProduced, Record


def test_it_keeps_whole_numbers_of_any_size() -> None:
    data = {"n": 2**70, "m": -(2**63) - 1, "f": 1.0, "small": 1}
    record = Record(1, 1_700_000_000_000, DataProduced(name="count", data=data))
    (found,) = decode_records(b"[" + encode_record(record) + b"]")
    assert dumps(found.dump()) == dumps(record.dump())


def test_it_refuses_what_is_nested_too_deeply_for_whole_numbers() -> None:
    with pytest.raises(ValueError, match="nested"):
        loads("[" * 100_000 + "1" * 19 + "]" * 100_000)
