"""Values as people read them."""

import pytest

from couchreg.web.showing import rough


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (0.00001234, "1.234e-05"),
        (0.1 + 0.2, "0.3"),
        (2023.0, "2023"),
        (9999.6, "10\u202f000"),
        (-12345.6, "-12\u202f346"),
        (999_999.0, "1 million"),
        (7.203e10, "72.03 billion"),
        (-1.05435e14, "-105.4 trillion"),
        (1e15, "1e+15"),
    ],
)
def test_a_measure_is_said_as_people_say_it(value: float, words: str) -> None:
    assert rough(value) == words
