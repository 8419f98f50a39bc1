"""ICE credentials of our making (RFC 8445 §5.3). Knows no transport."""

import secrets

# RFC 8445 asks for 24 random bits in the ufrag and 128 in the password; hexadecimal digits are ice-chars.
_UFRAG_BYTES = 5
_PASSWORD_BYTES = 16


def new_ufrag() -> str:
    return secrets.token_hex(_UFRAG_BYTES)


def new_password() -> str:
    return secrets.token_hex(_PASSWORD_BYTES)
