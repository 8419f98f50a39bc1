"""The client's types are those of the server, and the file that says so is current."""

import types
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from sfu.signalling import messages, typescript

COMMITTED = Path(__file__).parents[3] / "client/src/protocol/messages.ts"


def test_committed_file_is_current() -> None:
    assert COMMITTED.read_text() == typescript.generate(), (
        "run: python -m sfu.signalling.typescript > client/src/protocol/messages.ts"
    )


def test_is_deterministic() -> None:
    assert typescript.generate() == typescript.generate()


def test_every_message_is_an_interface_with_its_tag() -> None:
    text = typescript.generate()
    for union in (messages.ClientMessage, messages.ServerMessage):
        for cls in union.__args__:
            assert f'readonly type: "{cls.__struct_config__.tag}";' in text


def test_defaults_are_optional_and_nulls_in_lists_stay() -> None:
    text = typescript.generate()
    assert "readonly token?: string;" in text
    assert "readonly audio: readonly (string | null)[];" in text


def test_no_name_hides_a_global() -> None:
    text = typescript.generate()
    for name in ("Error", "Event", "Request", "Response"):
        assert f"export interface {name} " not in text
        assert f"export type {name} =" not in text


def test_message_in_no_union_is_refused() -> None:
    module = types.ModuleType("orphans")
    for name in ("ClientMessage", "ServerMessage"):
        setattr(module, name, messages.Join | messages.Leave)

    class Orphan(msgspec.Struct, tag="orphan"):
        mood: Literal["sad"]

    Orphan.__module__ = "orphans"
    module.Orphan = Orphan  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="Orphan"):
        typescript._unions([Orphan], module)
