"""Encryption at rest, rotation of keys, redaction."""

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from agentserver.core.secrets import (
    SecretUnreadableError,
    decrypt,
    encrypt,
    is_secret_member,
    reencrypt,
    same,
)


def keys(*newest_first: str) -> override_settings:
    return override_settings(AGENTSERVER_SECRET_KEYS=list(newest_first))


@given(st.text())
def test_it_decrypts_what_it_encrypted(text: str) -> None:
    assert decrypt(encrypt(text)) == text


def test_it_encrypts_equal_texts_differently() -> None:
    assert encrypt("a") != encrypt("a")


def test_it_reads_with_older_keys_and_writes_with_the_newest() -> None:
    with keys("one"):
        old = encrypt("secret")
    with keys("two", "one"):
        assert decrypt(old) == "secret"
        new = reencrypt(old)
    with keys("two"):
        assert decrypt(new) == "secret"
        with pytest.raises(SecretUnreadableError):
            decrypt(old)


def test_it_still_reads_what_was_written_before_keys_were_set() -> None:
    old = encrypt("secret")
    with keys("one"):
        assert decrypt(old) == "secret"


def test_it_refuses_a_changed_ciphertext() -> None:
    text = encrypt("secret")
    changed = text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB")
    with pytest.raises(SecretUnreadableError) as caught:
        decrypt(changed)
    assert "secret" not in repr(caught.value.details)


@pytest.mark.parametrize(
    "name",
    ["api_key", "X-API-Key", "authToken", "client_secret", "Password", "Authorization", "Cookie"],
)
def test_it_knows_members_that_look_secret(name: str) -> None:
    assert is_secret_member(name, "x")


@pytest.mark.parametrize(
    ("name", "value"), [("name", "x"), ("max_tokens", 5), ("has_api_key", True), ("token", None)]
)
def test_it_takes_nothing_else_for_a_secret(name: str, value: object) -> None:
    assert not is_secret_member(name, value)


@pytest.mark.parametrize(("left", "right"), [("a", "a"), ("é", "é"), ("a", "b"), ("a", "")])
def test_it_compares(left: str, right: str) -> None:
    assert same(left, right) is (left == right)
