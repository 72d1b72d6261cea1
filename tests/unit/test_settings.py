"""Settings are read once: flags over environment over env file over defaults, and a bad one is named."""

from pathlib import Path

import pytest

from cuga.errors import BadInput
from cuga.settings import Settings, read_settings


def test_defaults_need_nothing(tmp_path):
    assert read_settings({}, env_file=tmp_path / "none") == Settings()


def test_a_flag_goes_before_the_environment_and_that_before_the_env_file(tmp_path):
    file = tmp_path / ".env"
    file.write_text("# mine\nexport CUGA_PROFILE=technical\nCUGA_WORKER='w 1'\nCUGA_DURABILITY=process\n\n")
    settings = read_settings(
        {"CUGA_PROFILE": "enterprise", "CUGA_DURABILITY": "full"}, env_file=file, durability="process"
    )
    assert (settings.profile, settings.worker, settings.durability) == ("enterprise", "w 1", "process")
    assert read_settings({"CUGA_PROFILE": ""}, env_file=file, durability=None).profile == ""


def test_values_get_their_types(tmp_path):
    said = {"CUGA_HOUSE": "/tmp/house", "CUGA_CALL_THREADS": "3", "CUGA_NO_COLOR": "yes", "CUGA_TEST_DATA": "data"}
    settings = read_settings(said, env_file=tmp_path)
    assert (settings.house, settings.call_threads, settings.no_color) == (Path("/tmp/house"), 3, True)
    assert read_settings({"NO_COLOR": "1"}, env_file=tmp_path).no_color


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CUGA_CALL_THREADS", "many"),
        ("CUGA_CALL_THREADS", "0"),
        ("CUGA_NO_COLOR", "perhaps"),
        ("CUGA_DURABILITY", "none"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name, value, tmp_path):
    with pytest.raises(BadInput, match=f"{name}='{value}': expected"):
        read_settings({name: value}, env_file=tmp_path)


def test_a_broken_env_file_is_named_with_its_line(tmp_path):
    file = tmp_path / ".env"
    file.write_text("A=1\nnonsense\n")
    with pytest.raises(BadInput, match="line 2: expected NAME=VALUE"):
        read_settings({}, env_file=file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="cannot be read"):
        read_settings({}, env_file=file)


def test_what_was_read_is_never_shown(tmp_path):
    settings = read_settings({"MY_TOKEN": "abc-Secret-9"}, env_file=tmp_path)
    assert settings.variables["MY_TOKEN"] == "abc-Secret-9"
    assert "abc-Secret-9" not in repr(settings)
