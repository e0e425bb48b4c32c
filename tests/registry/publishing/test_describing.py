"""What is put into descriptors of files that were dropped."""

import json

import pytest

from couchreg.registry.publishing.describing import with_identity, with_other_files

PROPOSED = json.dumps({"name": "bees", "resources": [{"name": "hives", "path": "hives.csv"}]})
NAMED = ("bees", "1.0.0")


def test_files_that_are_no_tables_become_resources_with_names_of_their_own() -> None:
    paths = ["hives.csv", "README.md", "hives.pdf", "pictures/Hives.png", "old.csv.gz"]
    found = json.loads(with_other_files(PROPOSED, paths, 10_000))
    assert found["resources"] == [
        {"name": "hives", "path": "hives.csv"},
        {"name": "hives-2", "path": "hives.pdf"},
        {"name": "hives-3", "path": "pictures/Hives.png"},
        {"name": "old", "path": "old.csv.gz"},
    ]


def test_what_would_be_too_long_to_edit_is_left_as_it_was_proposed() -> None:
    assert with_other_files(PROPOSED, [f"{number}.bin" for number in range(1000)], 10_000) == PROPOSED


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1.10}', '{\n  "name": "bees", "version": "1.0.0","a": 1.10}'),
        (' {"name": "wasps"}', ' {\n  "version": "1.0.0","name": "wasps"}'),
        ("{}", '{\n  "name": "bees", "version": "1.0.0"}'),
        ('{"name": 1, "version": null}', None),
        ("[1]", None),
        ("{", None),
        ("[" * 100_000, None),
    ],
)
def test_a_name_and_a_version_stand_where_there_are_none(text: str, found: str | None) -> None:
    assert with_identity(text, NAMED) == (text if found is None else found)
