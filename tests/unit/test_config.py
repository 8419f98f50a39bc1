import tomllib
from pathlib import Path

import pytest

from sfu import config
from sfu.config import Config, load
from sfu.errors import ConfigError


def write(directory: Path, text: str) -> str:
    file = directory / "sfu.toml"
    file.write_text(text)
    return str(file)


def test_defaults_are_those_of_the_contract():
    loaded = load({}, {})
    assert (loaded.web.host, loaded.web.port, loaded.media.port) == ("0.0.0.0", 8443, 8443)
    assert (loaded.web.tls, loaded.auth.mode) == ("auto", "open")


def test_flag_over_variable_over_file_over_default(tmp_path):
    file = write(tmp_path, "port = 1\nmedia_port = 1\nlog_level = 'error'\n")
    environment = {"SFU_CONFIG": file, "SFU_PORT": "2", "SFU_MEDIA_PORT": "2"}
    loaded = load({"port": "3"}, environment)
    assert (loaded.web.port, loaded.media.port) == (3, 2)
    assert (loaded.process.log_level, loaded.web.host) == ("error", "0.0.0.0")


@pytest.mark.parametrize(
    "text", ["[auth]\nmode = 'token'", "auth_mode = 'token'", "auth-mode = 'token'", "auth.mode = 'token'"]
)
def test_a_toml_key_is_the_options_words_however_joined(tmp_path, text: str):
    assert load({"config": write(tmp_path, text)}, {}).auth.mode == "token"


def test_every_option_is_a_flag_a_variable_and_a_toml_key(tmp_path):
    for option in config.options():
        value = (
            config.choices(option)[-1]
            if config.choices(option)
            else "70000"
            if "limits" in option.name
            else "7"
        )
        if option.name in ("tls", "tls_cert", "tls_key"):
            continue  # these depend on one another
        if option.type is bool:
            value = str(not option.default).lower()
        if option.name in ("media_hosts", "public_address"):
            value = "192.0.2.1"
        if option.setting.maximum is not None and option.setting.maximum < 70_000:
            value = "7"
        file = write(tmp_path, f"{option.name} = {value if option.type in (int, float) else f'{value!r}'}")
        by_file = load({"config": file}, {})
        assert by_file != Config()
        assert by_file == load({}, {option.variable: value}) == load({option.name: value}, {})


def test_lists_come_from_toml_lists_commas_and_repeated_flags(tmp_path):
    wanted = ("192.0.2.1", "2001:db8::1")
    file = write(tmp_path, 'public_address = ["192.0.2.1", "2001:db8::1"]')
    assert load({"config": file}, {}).media.public_address == wanted
    assert load({}, {"SFU_PUBLIC_ADDRESS": "192.0.2.1, 2001:db8::1"}).media.public_address == wanted
    assert load({"public_address": ["192.0.2.1", "2001:db8::1"]}, {}).media.public_address == wanted


@pytest.mark.parametrize(
    ("flags", "environment", "words"),
    [
        ({"port": "x"}, {}, "--port is 'x', but must be a whole number"),
        ({"port": "70000"}, {}, "--port is '70000', but must be at most 65535"),
        ({"port": "-1"}, {}, "at least 0"),
        ({}, {"SFU_AUTH_MODE": "closed"}, "SFU_AUTH_MODE is 'closed', but must be one of open, token"),
        ({"drain_timeout": "nan"}, {}, "at least 0"),
        ({"tls_cert": "a.pem"}, {}, "belong together"),
        ({"tls": "off", "tls_cert": "a.pem", "tls_key": "b.pem"}, {}, "plain HTTP"),
        ({"config": "/nowhere/sfu.toml"}, {}, "/nowhere/sfu.toml cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(flags, environment, words: str):
    with pytest.raises(ConfigError) as caught:
        load(flags, environment)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", "Did you mean port?"),
        ("[auth]\nmoed = 'open'", "There is no setting auth.moed"),
        ("port = true", "must be a whole number"),
        ("port = [1]", "must be a whole number"),
        ("port = 1.5", "must be a whole number"),
        ("drain_timeout = 'soon'", "must be a number"),
        ("host = 1", "must be a text"),
        ("public_address = [1]", "must be a list of texts"),
        ("public_address = 1", "must be a list of texts"),
        ("auth_mode = 1", "must be one of"),
        ("auth_mode = ['open']", "must be one of"),
        ("port =", "not valid TOML"),
        ("auth_mode = 'open'\n[auth]\nmode = 'token'", "set twice"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_key(tmp_path, text: str, words: str):
    with pytest.raises(ConfigError) as caught:
        load({"config": write(tmp_path, text)}, {})
    assert words in caught.value.message


def test_the_example_is_toml_that_documents_every_option_and_changes_nothing(tmp_path):
    text = config.example()
    assert tomllib.loads(text) == {}
    uncommented = "\n".join(line.removeprefix("#") if " = " in line else line for line in text.splitlines())
    assert load({"config": write(tmp_path, uncommented)}, {}) == load({}, {})
    for option in config.options():
        assert option.variable in text
        assert len(option.setting.doc) > 10


def test_names_of_options_are_unique():
    names = [option.name for option in config.options()]
    assert len(names) == len(set(names))


def test_typing_errors_in_variables_are_found():
    environment = {"SFU_PROT": "1", "SFU_PORT": "1", "SFU_CONFIG": "x", "PATH": "/bin"}
    assert config.unknown_variables(environment) == ["SFU_PROT"]


def test_the_data_directory_is_made_private(tmp_path):
    loaded = load({"data_dir": str(tmp_path / "a" / "b")}, {})
    made = config.data_dir(loaded.process, {})
    assert made == tmp_path / "a" / "b"
    assert made.stat().st_mode & 0o777 == 0o700


def test_the_data_directory_follows_xdg(tmp_path):
    assert config.data_dir(load({}, {}).process, {"XDG_DATA_HOME": str(tmp_path)}) == tmp_path / "sfu"


def test_a_file_is_no_data_directory(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="it is a file"):
        config.data_dir(load({"data_dir": str(tmp_path / "file")}, {}).process, {})


def test_a_data_directory_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--data-dir"):
        config.data_dir(load({"data_dir": str(tmp_path / "file" / "x")}, {}).process, {})
