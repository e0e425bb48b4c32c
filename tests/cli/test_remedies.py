"""What a command says is to be done about a report."""

from typing import Any

import pytest

from couchreg.cli.publish import remedy
from couchreg.package.report import STOPPED


@pytest.mark.parametrize(
    ("types", "said"),
    [
        (["type-error"], " Correct the files or the schema, and publish again."),
        ([STOPPED, "type-error"], " Correct the files or the schema, and publish again."),
        ([STOPPED], ""),
        ([STOPPED, STOPPED], ""),
    ],
)
def test_nobody_is_told_to_correct_what_was_not_checked(types: list[str], said: str) -> None:
    report: dict[str, Any] = {"problems": [{"type": kind} for kind in types]}
    assert remedy(report, "publish") == said


def test_a_report_without_problems_has_the_usual_remedy() -> None:
    assert remedy({}, "validate") == " Correct the files or the schema, and validate again."
