"""Settings of `[chttpd_auth]` that are no numbers and no booleans."""

import pytest

from couchreg.auth.options import Options


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), (" ON ", True), ("0", False), ("no", False), ("", None), ("tru", None), ("null", None)],
)
def test_what_is_neither_true_nor_false_is_the_default(text: str, expected: bool | None) -> None:
    options = Options(lambda: {"chttpd_auth": {"upgrade_hash_on_auth": text}})
    for default in (True, False):
        wanted = default if expected is None else expected
        assert options.flag("upgrade_hash_on_auth", default=default) is wanted
