"""PROTOCOL.md tells the truth: its examples are messages, and each message and error has its place."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from sfu import errors
from sfu.signalling import messages
from sfu.signalling.outlet import CloseCode

TEXT = (Path(__file__).parents[3] / "sfu/signalling/PROTOCOL.md").read_text()
EXAMPLES = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
ALL = messages.ClientMessage | messages.ServerMessage


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[:40])
def test_example_is_a_message(example: str) -> None:
    message = msgspec.json.decode(example, type=ALL)
    fields = set(msgspec.json.decode(example)) - {"type"}
    assert fields <= set(message.__struct_fields__), "a field that the message does not have"


def test_each_message_has_an_example() -> None:
    told = {type(msgspec.json.decode(example, type=ALL)) for example in EXAMPLES}
    assert told == set(get_args(ALL))


def test_each_error_is_explained_and_raised_by_a_class_of_that_code() -> None:
    codes = set(get_args(messages.ErrorCode))
    assert codes == set(re.findall(r"^\| `([a-z_]+)` \| (?!yes|\|)", TEXT, re.MULTILINE)) - {"subscriber"}
    assert {code for code in codes if code not in _codes(errors.SfuError)} == set()
    assert _codes(errors.SfuError) <= codes


def test_each_close_code_is_explained() -> None:
    for code in CloseCode:
        assert f"| {code.value} |" in TEXT


def _codes(cls: type[errors.SfuError]) -> set[str]:
    return {cls.code}.union(*(_codes(child) for child in cls.__subclasses__()))
