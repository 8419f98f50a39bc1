import pytest

from sfu import app, cli
from sfu.auth import secrets
from sfu.auth.grants import Grant
from sfu.auth.tokens import Tokens
from sfu.clock import SystemClock
from sfu.errors import Unauthorized


@pytest.fixture
def served(monkeypatch) -> list:
    """The configurations that `sfu serve` would have run."""
    configs = []
    monkeypatch.setattr(app, "run", lambda config: configs.append(config) or 0)
    return configs


def test_serve_takes_the_contracts_flags(served, tmp_path):
    line = (
        "serve --host ::1 --port 1 --media-port 2 --public-address 192.0.2.1 192.0.2.2 --public-address ::2 "
        f"--tls auto --tls-cert c --tls-key k --data-dir {tmp_path} --workers 2 --auth-mode token "
        "--drain-timeout 5 --log-level debug"
    )
    assert cli.main(line.split()) == 0
    (config,) = served
    assert (config.web.host, config.web.port, config.media.port) == ("::1", 1, 2)
    assert config.media.public_address == ("192.0.2.1", "192.0.2.2", "::2")
    assert (config.media.workers, config.auth.mode, config.process.drain_timeout) == (2, "token", 5.0)


def test_a_wrong_setting_ends_with_code_2_and_one_plain_line(served, capsys):
    assert cli.main(["serve", "--port", "many"]) == 2
    assert capsys.readouterr().err == "sfu: --port is 'many', but must be a whole number.\n"
    assert served == []


@pytest.mark.parametrize(
    "line",
    ["", "serve --prot 1", "serve --por 1", "token", "token --room r", "token --room r --role king", "x"],
)
def test_a_wrong_command_line_ends_with_code_2(line: str, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(line.split())
    assert caught.value.code == 2
    assert "usage: sfu" in capsys.readouterr().err


def test_token_prints_one_that_this_data_directorys_server_believes(tmp_path, capsys):
    line = [
        "token",
        "--room",
        "lobby",
        "--role",
        "publisher",
        "--name",
        "Ada Lovelace",
        "--data-dir",
        str(tmp_path),
    ]
    assert cli.main(line) == 0
    printed = capsys.readouterr().out.strip()
    tokens = Tokens(secrets.load_or_create(tmp_path), clock=SystemClock())
    assert tokens.check(printed) == Grant("lobby", "publisher", "Ada Lovelace")


def test_a_negative_time_makes_an_expired_token(tmp_path, capsys):
    line = ["token", "--room", "r", "--role", "publisher", "--ttl", "-1", "--data-dir", str(tmp_path)]
    assert cli.main(line) == 0
    with pytest.raises(Unauthorized, match="expired"):
        Tokens(secrets.load_or_create(tmp_path), clock=SystemClock()).check(capsys.readouterr().out.strip())


def test_a_token_for_what_no_room_may_be_called_is_refused(tmp_path, capsys):
    for wrong in (["--room", "a b"], ["--room", "r", "--name", "two\nlines"]):
        line = ["token", "--role", "publisher", "--room", "r", *wrong, "--data-dir", str(tmp_path)]
        assert cli.main(line) == 2
        assert capsys.readouterr().err.startswith("sfu: A ")
    assert cli.main(["token", "--room", "*", "--role", "publisher", "--data-dir", str(tmp_path)]) == 0


@pytest.mark.parametrize("ttl", ["inf", "-inf", "nan", "soon"])
def test_a_token_holds_for_a_time_in_seconds(ttl: str, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["token", "--room", "r", "--role", "publisher", f"--ttl={ttl}"])
    assert caught.value.code == 2
    assert f"--ttl: {ttl!r} is no number of seconds" in capsys.readouterr().err


def test_help_tells_every_option_with_its_default(capsys):
    with pytest.raises(SystemExit):
        cli.main(["serve", "--help"])
    help_text = capsys.readouterr().out
    assert "--public-address" in help_text
    assert "(8443)" in help_text
