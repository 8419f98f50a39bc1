"""A browser in Spanish or Catalan gets the pages in Spanish or Catalan, before the call and in it."""

from dataclasses import dataclass

import pytest

from tests.interop.conftest import Cast


@dataclass(frozen=True)
class Words:
    locale: str
    start: str
    name: str
    join: str
    in_call: tuple[str, ...]
    empty: str


SPANISH = Words(
    "es-ES", "Nueva reunión", "Tu nombre", "Entrar", ("Silenciar micrófono", "Compartir pantalla", "Salir"),
    "Has llegado antes que nadie",
)  # fmt: skip
CATALAN = Words(
    "ca-ES", "Reunió nova", "El teu nom", "Entra", ("Silencia el micròfon", "Comparteix la pantalla", "Surt"),
    "Has arribat abans que ningú",
)  # fmt: skip


@pytest.mark.parametrize("words", [SPANISH, CATALAN], ids=lambda words: words.locale)
async def test_pages_are_translated(cast: Cast, words: Words) -> None:
    page = await cast.chromium("pau", locale=words.locale)
    await page.goto(cast.url())
    assert await page.evaluate("document.documentElement.lang") == words.locale[:2]
    await page.page.get_by_role("button", name=words.start, exact=True).wait_for()
    await page.goto(cast.room("idiomes"))
    await page.fill(words.name, "pau")
    await page.press(words.join)
    for button in words.in_call:
        await page.page.get_by_role("button", name=button, exact=True).wait_for()
    await page.until("shows", words.empty)
    english = ("Mute microphone", "Share screen", "Leave", "More options")
    for button in english:
        assert await page.page.get_by_role("button", name=button, exact=True).count() == 0
