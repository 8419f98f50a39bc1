"""What people write is shown as they wrote it: links can be followed, markup does nothing, secrets stay so."""

from typing import Any

from tests.interop.conftest import Cast
from tests.peers import Peer

LINK = "https://example.org/a?b=1"
MARKUP = '<img src=x onerror="globalThis.harmed = true">'


def texts(peer: Peer) -> list[str]:
    return [e["message"]["text"] for e in peer.signalling.events if e["type"] == "chat_received"]


async def write(peer: Peer, text: str, **to: Any) -> None:
    await peer.signalling.request("send_chat", key=text[:64], text=text, **to)


async def test_links_markup_and_private_messages(cast: Cast) -> None:
    ana = await cast.chromium("ana")
    await ana.join(cast.room("chat"), "ana")
    await ana.press("Chat")
    async with cast.peer("chat", "ben") as ben, cast.peer("chat", "cleo") as cleo:
        await write(ben, f"see {LINK}, and {MARKUP}")
        await ana.until("shows", MARKUP)
        link = await ana.evaluate(
            "(({href, rel, target}) => ({href, rel, target}))(document.querySelector('[role=log] a'))"
        )
        assert (link["href"], link["target"]) == (LINK, "_blank")
        assert "noopener" in link["rel"].split()
        assert await ana.evaluate("document.querySelectorAll('[role=log] img').length") == 0
        assert await ana.evaluate("globalThis.harmed ?? null") is None

        # The menu of recipients names everyone; what goes to one comes to no other.
        await ana.page.get_by_role("combobox").select_option(label="ben")
        await ana.fill("Message", "for ben alone")
        await ana.press("Send")
        await ana.until("shows", "You, privately to ben")
        await write(ben, "for ana alone", to=ana_id(ben))
        await ana.until("shows", "ben, privately to you")
        await write(ben, "for all")
        await ana.until("shows", "for all")
        await cleo.signalling.request("send_chat", key="last", text="cleo has read all")
        assert texts(cleo)[-2:] == ["for all", "cleo has read all"]
        assert not {"for ben alone", "for ana alone"} & set(texts(cleo))
        assert [text for text in texts(ben) if text.startswith("for ")] == [
            "for ben alone",
            "for ana alone",
            "for all",
        ]
    assert not cast.server.errors()


def ana_id(peer: Peer) -> str:
    return next(person["id"] for person in peer.joined_reply["participants"] if person["name"] == "ana")
