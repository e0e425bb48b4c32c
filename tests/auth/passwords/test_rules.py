"""What new passwords have to be like, as CouchDB's setting says it."""

import pytest

from couchreg.auth.passwords.rules import check_password_rules
from couchreg.errors import BadRequest, Forbidden


@pytest.mark.parametrize(
    "rules", ["", "[]", ' ["^good"] ', '[{".{4,}"}]', r'["\\d+", {"[a-z]", "x"}]', r'["\""]']
)
def test_a_password_that_keeps_the_rules(rules: str) -> None:
    check_password_rules(rules, 'good"1')


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ('["[A-Z]"]', "Password does not conform to requirements."),
        (
            '[{".{9,}", "Nine characters at least."}]',
            "Password does not conform to requirements. Nine characters at least.",
        ),
        (
            r'["[a-z]", {"\\d{2}", "Two \"digits\"."}]',
            'Password does not conform to requirements. Two "digits".',
        ),
    ],
)
def test_one_that_does_not(rules: str, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check_password_rules(rules, "good1")
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "rules", ["x", '{"a"}', "[a]", '["a" "b"]', '["("]', '[{"a", "b", "c"}]', '["a",, "b"]', '["a"']
)
def test_rules_that_are_none_let_no_password_in(rules: str) -> None:
    with pytest.raises(Forbidden):
        check_password_rules(rules, "good1")
