"""The secret that signs join tokens: made once, kept in the data directory, readable by its owner only."""

import os
import secrets
import tempfile
from pathlib import Path

from sfu.errors import ConfigError

_FILE = "token-secret"
# HMAC-SHA256 gains nothing from more than its output's length (RFC 7518 §3.2).
_BYTES = 32


def load_or_create(data_dir: Path) -> bytes:
    """The secret of this data directory. Safe against `sfu serve` and `sfu token` starting at once."""
    path = data_dir / _FILE
    try:
        if not path.exists():
            _create(path)
        secret = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"The token secret {path} cannot be used: {error.strerror}.") from error
    if len(secret) < _BYTES:
        raise ConfigError(
            f"The token secret {path} is damaged. Without it, a new one is made; that ends all tokens so far."
        )
    return secret


def _create(path: Path) -> None:
    """Written whole under another name first, then linked: whoever comes second keeps the first one's."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=_FILE)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
