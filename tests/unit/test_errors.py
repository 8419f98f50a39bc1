from typing import get_args

from sfu import errors
from sfu.errors import SfuError
from sfu.signalling.messages import ErrorCode


def tree(root: type[SfuError]) -> list[type[SfuError]]:
    return [root, *(below for child in root.__subclasses__() for below in tree(child))]


def test_every_error_has_a_code_that_the_protocol_knows_and_a_status():
    for error in tree(SfuError):
        assert error.code in get_args(ErrorCode), error
        assert 400 <= error.http_status < 600


def test_every_error_of_the_ground_stands_in_the_docstrings_tree():
    for error in tree(SfuError):
        if error.__module__ == errors.__name__:
            line = next(line for line in errors.__doc__.splitlines() if f" {error.__name__} " in f" {line} ")
            assert error.code in line
            assert str(error.http_status) in line
