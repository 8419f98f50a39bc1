"""What rooms and people may be called.

A room's name stands in URLs and in metrics, so it keeps to letters, digits and `-_.~`. A person's name may be
nearly anything, but nothing that breaks a line or turns the reading direction of the text around it.
"""

import unicodedata

from sfu.errors import BadName

_ROOM_MARKS = frozenset("-_.~")
# L letters, N digits and numerals, M marks: without marks neither Hindi nor Thai can be written.
_ROOM_CATEGORIES = frozenset("LNM")
# Cc control, Cs surrogate, Cn and Co without meaning to anyone else, Zl and Zp line breaks.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})
# Embeddings, overrides and isolates (UAX #9 §2): they reorder what stands beside the name.
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def in_one_spelling(name: str) -> str:
    """In NFC, in which names that read the same are the same."""
    return unicodedata.normalize("NFC", name)


def checked_room_name(name: str, longest: int) -> str:
    """The name in NFC, so that one spelling is one room; raises :class:`BadName`."""
    # NFC can lengthen a text, at most threefold (UAX #15), so the raw text is measured first.
    name = in_one_spelling(name) if len(name) <= longest else name
    if not 1 <= len(name) <= longest:
        raise BadName(f"A room's name has 1 to {longest} characters.")
    if not all(_may_stand_in_room_name(mark) for mark in name) or unicodedata.category(name[0])[0] == "M":
        raise BadName("A room's name is made of letters, digits, and - _ . ~")
    if not name.strip("."):
        raise BadName("A room's name needs more than dots.")
    return name


def checked_person_name(name: str, longest: int) -> str:
    """The name trimmed and in NFC; raises :class:`BadName`. Two people may share one."""
    name = name.strip() if len(name) > longest else in_one_spelling(name).strip()
    if not 1 <= len(name) <= longest:
        raise BadName(f"A name has 1 to {longest} characters.")
    if any(mark in _BIDI_CONTROLS or unicodedata.category(mark) in _FORBIDDEN_CATEGORIES for mark in name):
        raise BadName("A name holds no control characters, line breaks or direction overrides.")
    if all(unicodedata.category(mark) == "Cf" for mark in name):
        raise BadName("A name needs a character that can be seen.")
    return name


def _may_stand_in_room_name(mark: str) -> bool:
    return mark in _ROOM_MARKS or unicodedata.category(mark)[0] in _ROOM_CATEGORIES
