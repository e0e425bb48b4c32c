"""What a person can use is written down: scripts, commands and their options, settings, routes."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click

from couchreg.cli.main import COMMANDS, cli
from couchreg.client import errors
from couchreg.config import describe
from couchreg.http.registry.routes import ROUTES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def documentation() -> str:
    """The README and the pages of the checkout that it links to."""
    linked = re.findall(r"\]\(([^):#]+\.md)\)", README)
    return "\n".join([README, *((ROOT / page).read_text("utf-8") for page in linked)])


def test_every_script_has_its_line() -> None:
    text = (ROOT / "scripts" / "README.md").read_text("utf-8")
    files = (path for path in (ROOT / "scripts").iterdir() if path.is_file())
    scripts = {path.name for path in files if os.access(path, os.X_OK)}
    assert scripts
    assert {name for name in scripts if f"`scripts/{name}`" not in text} == set()


def test_the_page_of_what_one_process_knows_names_what_is_there() -> None:
    page = (ROOT / "couchreg" / "ONE_PROCESS.md").read_text("utf-8")
    named = set(re.findall(r"`([\w/]+\.py)`", page))
    assert len(named) > 20
    assert {name for name in named if not (ROOT / "couchreg" / name).is_file()} == set()
    assert "(ONE_PROCESS.md)" in (ROOT / "couchreg" / "DESIGN.md").read_text("utf-8")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command, those of groups under both words."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {under}", found) for under, found in command.commands.items())


def options() -> Iterator[tuple[str, str]]:
    for name, command in commands():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield name, max(parameter.opts, key=len)


def test_every_command_is_documented() -> None:
    assert [name for name, _ in commands() if f"couchreg {name}" not in README] == []


def test_every_option_is_documented() -> None:
    text = documentation()
    assert {(command, option) for command, option in options() if f"`{option}" not in text} == set()


def test_every_setting_is_documented_with_its_three_names() -> None:
    text = documentation()
    for row in describe():
        assert f"`{row.flag}" in text
        assert f"`{row.environment}`" in text


def test_every_exit_status_is_documented() -> None:
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    kinds = [kind for kind in classes if hasattr(kind, "exit_status")]
    assert len(kinds) == 8
    for kind in kinds:
        assert re.search(rf"^\| {kind.exit_status} \|", README, re.MULTILINE)


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *ROOT.glob("couchreg/**/*.md"), *ROOT.glob("scripts/*.md")]:
        for target in re.findall(r"\]\(([^):#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_route_of_the_registry_door_is_documented() -> None:
    assert [f"{r.method} {r.path}" for r in ROUTES if f"`{r.method} {r.path}" not in README] == []


def test_every_line_of_the_trail_is_documented() -> None:
    text = (ROOT / "couchreg" / "OPERATING.md").read_text("utf-8")
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "couchreg").rglob("*.py"))
    actions = set(re.findall(r'\brecord\(\s*"([a-z_.]+)"', sources))
    actions |= set(re.findall(r'"((?:access|account|setting|token|group|visit|trust)\.[a-z_]+)"', sources))
    actions -= {"account.html"}
    assert len(actions) > 30
    assert {name for name in actions if f"`{name}`" not in text} == set()
