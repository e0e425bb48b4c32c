"""What must hold of the checkout itself: its top level, the size of its files, the direction of imports."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"couchreg", "design_docs", "tests", "scripts", "setup.cfg", "README.md"}
INSISTED_ON_BY_TOOLS = {"pyproject.toml", "LICENSE", ".ci", ".gitignore"}
CEILING = 400  # lines
CODE = (".py", ".mjs", ".js", ".md", ".cfg", ".toml", "")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: nothing tells which files belong to it")
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def test_the_top_level_holds_only_what_belongs_there() -> None:
    assert {path.parts[0] for path in tracked()} <= OURS | INSISTED_ON_BY_TOOLS


def test_no_file_is_longer_than_the_ceiling() -> None:
    files = [path for path in tracked() if (ROOT / path).is_file() and "data" not in path.parts]
    sources = [path for path in files if path.suffix in CODE]
    lengths = {str(path): len((ROOT / path).read_text("utf-8").splitlines()) for path in sources}
    assert {path: lines for path, lines in lengths.items() if lines > CEILING and path != "LICENSE"} == {}


def test_imports_point_downwards() -> None:
    """The contracts in pyproject.toml: the architecture."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_stands_before_a_database_is_written_out() -> None:
    """The type checker sees nothing of what `__getattr__` answers or a cast claims."""
    magic = re.compile(r"def __getattr__|cast\(\s*\"?(Database|Store|ConfiguredStore)\b")
    files = [path for path in tracked() if path.parts[0] == "couchreg" and path.suffix == ".py"]
    found = {str(path) for path in files if magic.search((ROOT / path).read_text("utf-8"))}
    assert found == {"couchreg/__init__.py"}  # which imports what is asked for


def test_no_wait_swallows_a_cancellation() -> None:
    """`asyncio.wait_for` of Python 3.11 goes on where what it waits for is done as it is cancelled, so that
    who ends a loop waits for ever: `asyncio.timeout` does not."""
    files = [path for path in tracked() if path.parts[0] == "couchreg" and path.suffix == ".py"]
    assert [str(path) for path in files if "asyncio.wait_for(" in (ROOT / path).read_text("utf-8")] == []


def test_a_test_stands_where_its_code_stands() -> None:
    """`tests/` mirrors rooms and wings of `couchreg/`; beside them stand tests of whole servers and tools."""
    whole = {"clients", "conformance", "crash", "hostile", "house", "datastore", "proxies"}
    tests = [path for path in tracked() if path.parts[0] == "tests" and path.name.startswith("test_")]
    folders = {path.parent.relative_to("tests") for path in tests}
    mirrored = [folder for folder in folders if folder.parts[0] not in whole]
    rooms = ROOT / "couchreg"
    assert [
        str(folder)
        for folder in mirrored
        if not (rooms / folder).is_dir() and not (rooms / folder).with_suffix(".py").exists()
    ] == []


def test_nothing_at_run_time_lies_outside_the_checkout() -> None:
    links = [path for path in tracked() if (ROOT / path).is_symlink()]
    assert [path for path in links if not (ROOT / path).resolve().is_relative_to(ROOT)] == []


def test_no_function_has_nine_parameters() -> None:
    """`self` apart. What belongs together is a value with a name."""
    many = []
    for path in tracked():
        if path.parts[0] != "couchreg" or path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                listed = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
                if sum(1 for one in listed if one.arg not in ("self", "cls")) > 8:
                    many.append(f"{path}: {node.name}")
    assert many == []


def test_a_class_has_a_name_of_its_own() -> None:
    """Whoever reads one need not look at its import. Only the client speaks of what the server has, too."""
    places: dict[str, list[str]] = {}
    for path in tracked():
        if path.parts[0] == "couchreg" and path.suffix == ".py":
            for node in ast.parse((ROOT / path).read_text("utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places.setdefault(node.name, []).append(path.parts[1])
    server = {name: [room for room in rooms if room != "client"] for name, rooms in places.items()}
    assert {name: rooms for name, rooms in server.items() if len(rooms) > 1} == {}
