"""Who reads the environment, and that every variable is documented and no stumbling block for the others."""

import ast
from pathlib import Path

from couchreg import config
from couchreg.client import environment

ROOT = Path(__file__).parents[2]
# `config` for a server, `client/environment` for the client; what starts children hands theirs on.
READERS = {"config.py", "client/environment.py"}
CHILDREN = "sandbox/"


def names_used(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    return attributes | imported


def test_two_modules_read_the_environment() -> None:
    package = ROOT / "couchreg"
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if names_used(path) & {"environ", "environb", "getenv", "getenvb"}
    }
    assert {name for name in found if not name.startswith(CHILDREN)} == READERS


def test_a_server_leaves_the_variables_of_the_commands_alone() -> None:
    ours = {name.removeprefix(config.ENVIRONMENT_PREFIX) for name in environment.VARIABLES}
    assert ours <= config.FOREIGN
    assert not ours & {row.name.upper() for row in config.describe()}


def test_every_variable_of_the_commands_is_documented() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in environment.VARIABLES if f"`{name}`" not in readme] == []
