"""Known secret values and values under secret keys never get out; everything else stays as it was."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.redact import Redactor, is_secret_name, secrets_of

CANARY = 'Zq7-canary/é"x'


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "apiKey",
        "api-key",
        "X-Auth-Token",
        "accessToken",
        "clientSecret",
        "private_key",
        "Authorization",
        "cookie",
        "AWS_SECRET_ACCESS_KEY",
        "db_pwd",
        "credentials",
    ],
)
def test_names_of_secrets(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "tokens",
        "token_count",
        "max_tokens",
        "next_page_token",
        "password_file",
        "PWD",
        "OLDPWD",
        "key",
        "monkey",
        "effect_key",
        "_",
        "passing",
        "SSH_AUTH_SOCK",
        "secretary",
        "token_budget",
        "passport",
    ],
)
def test_names_that_only_look_like_it(name):
    assert not is_secret_name(name)


def test_secrets_are_learned_from_the_environment():
    found = secrets_of(
        {
            "OPENAI_API_KEY": "sk-abc123456",
            "DATABASE_URL": "postgres://cuga:p4ss-word@host/db",
            "HOME": "/home/ada",
            "DB_PASSWORD": "abc",  # too short: it would cut holes into innocent text
            "CI_TOKEN": "completed",  # a plain word of our own records
            "TOKENIZERS_PARALLELISM": "false",
        }
    )
    assert set(found) == {"sk-abc123456", "p4ss-word"}


def test_a_known_value_is_cut_in_every_way_it_may_be_written():
    redactor = Redactor([CANARY])
    for written in (
        json.dumps({"a": CANARY}),
        json.dumps({"a": f"before {CANARY} after"}, ensure_ascii=False),
        "https://host/?q=Zq7-canary%2F%C3%A9%22x",
        CANARY,
    ):
        clean = redactor.scrub_values(written.encode())
        assert b"canary" not in clean
        assert b"[redacted]" in clean
        clean = redactor.scrub_values(written.encode() + b" " * 3000)
        assert b"canary" not in clean


def test_a_secret_that_is_a_number_is_cut_in_strings_and_never_changes_a_number():
    body = {
        "cost": 1000000,
        "secret_too": 12345678,
        "text": "12345678",
        "said": "pin 000000.",
        "at": "2026-01-05T09:00:00.000000Z",
        "digest": "ab000000cd",
        "longer": "9000000",
    }
    for room in ("", " " * 3000):
        clean = Redactor(["12345678", "000000"]).scrub_values(json.dumps({**body, "room": room}).encode())
        assert json.loads(clean) == {**body, "text": "[redacted]", "said": "pin [redacted].", "room": room}
    assert Redactor(["000000"]).scrub_values(b"1000000") == b"1000000"
    assert Redactor(["12345678"]).scrub_values(b"12345678") == b"12345678"


@pytest.mark.parametrize("secret", ["n123456", 'x","y":"z', "u00e9Secret", "\\\\Path-1", '{"a":1}', "Zq\n7-canary"])
@pytest.mark.parametrize("text", ["a\n123456", "é u00e9Secretary", "x", "\\u00e9Secret \\\\Path-1 {}"])
def test_a_cut_never_tears_json_apart(secret, text):
    clean = json.loads(Redactor([secret]).scrub_values(json.dumps({"x": "y", "z": [text, secret]}).encode()))
    assert clean == {"x": "y", "z": [text.replace(secret, "[redacted]"), "[redacted]"]}


def test_a_message_loses_a_secret_that_is_a_number_too():
    assert Redactor(["000000"]).scrub_text("wrong pin 000000, 1000000 tries") == "wrong pin [redacted], 1000000 tries"


def test_a_secret_learned_later_counts_from_then_on():
    redactor = Redactor.from_environment({})
    assert redactor.scrub(b'"late-Secret-1"') == b'"late-Secret-1"'
    redactor.learn("late-Secret-1", "ok")
    assert redactor.scrub(b'"late-Secret-1 ok"') == b'"[redacted] ok"'


def test_what_stands_under_a_secret_key_is_cut_whole():
    body = json.dumps({"auth": {"access_token": {"deep": [1]}, "password": 5, "secret": None, "token": True}, "n": 1.5})
    assert json.loads(Redactor().scrub(body.encode())) == {
        "auth": {"access_token": "[redacted]", "password": "[redacted]", "secret": None, "token": True},
        "n": 1.5,
    }


def test_innocent_bytes_are_not_touched():
    for body in (b'{"tokens": 5,  "key": "x"}', b"null", b'{"monkey": 1}', b"not json, key: {", b"\xff\xfe token"):
        assert Redactor([CANARY]).scrub(body) == body


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("login failed for password=hunter22", "login failed for password=[redacted]"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"),
        ('{"api_key": "abcdef"}', '{"api_key": "[redacted]"}'),
        ("token count: 5", "token count: 5"),
        ("the account Isdom", "the account Isdom"),
    ],
)
def test_messages_lose_what_looks_said_in_confidence(text, clean):
    assert Redactor().scrub_text(text) == clean


@pytest.mark.parametrize(
    "body",
    [
        b'"password":"' * 90_000,
        b"\\" * 1_000_000,
        b'"' + b'\\"' * 500_000,
        b'"secret-Value-7' * 60_000,
        b"token=" * 170_000,
        b'{"a":' * 200_000,
    ],
)
def test_the_time_is_linear_whatever_the_bytes(body):
    redactor = Redactor([f"secret-Value-{number}" for number in range(50)])
    started = time.perf_counter()
    redactor.scrub(body)
    redactor.scrub_text(body[:20_000].decode())
    assert time.perf_counter() - started < 20


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(f"x{CANARY}y"),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "token", "Zq7", "api_key"]), inner),
)


@given(VALUES)
def test_json_stays_json_and_the_canary_never_gets_out(value):
    clean = Redactor([CANARY]).scrub(json.dumps(value).encode())
    assert CANARY not in json.dumps(json.loads(clean), ensure_ascii=False)
