import pytest

from sfu.auth import secrets
from sfu.errors import ConfigError


def test_the_secret_is_made_once_and_private(tmp_path):
    first = secrets.load_or_create(tmp_path)
    assert secrets.load_or_create(tmp_path) == first
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(first) == 32


def test_whoever_comes_second_keeps_the_first_ones(tmp_path):
    first = secrets.load_or_create(tmp_path)
    secrets._create(tmp_path / secrets._FILE)
    assert secrets.load_or_create(tmp_path) == first
    assert len(list(tmp_path.iterdir())) == 1


def test_two_servers_have_different_secrets(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert secrets.load_or_create(tmp_path / "a") != secrets.load_or_create(tmp_path / "b")


def test_a_damaged_secret_is_said_and_not_used(tmp_path):
    (tmp_path / secrets._FILE).write_bytes(b"short")
    with pytest.raises(ConfigError, match="damaged"):
        secrets.load_or_create(tmp_path)
