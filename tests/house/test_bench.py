"""`scripts/bench` and the others of its kind measure what they say, on amounts that show no speed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import environment, running

pytestmark = pytest.mark.long

SCRIPTS = Path(__file__).parents[2] / "scripts"
WITHOUT_WRK = (
    "bulk",
    "bulk_replica",
    "changes",
    "changes_docs",
    "all_docs",
    "all_docs_docs",
    "bulk_get",
    "revs_diff",
    "att_put",
    "att_get",
    "att_small",
)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / "bench.py"), "--rounds", "1", *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)


def test_every_operation_against_another_server(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        only = ",".join(WITHOUT_WRK)
        done = bench("--scale", "0.02", "--url", server.couch_url_with_login, "--only", only)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    heading, *lines, summary = done.stdout.splitlines()
    assert heading.split() == ["couchreg", "other", "CPU", "ratio"]
    assert [line.split()[0] for line in lines] == list(WITHOUT_WRK)
    assert all(re.search(r"/s +[\d,]+ +[\d,]+ +(-|[\d,.]+ µs) +\d+\.\d\d$", line) for line in lines), lines
    assert summary.startswith(f"{len(WITHOUT_WRK)} ratios: geometric mean ")


def test_what_a_server_has_not_got_is_left_out() -> None:
    done = bench("--alone", "--scale", "0.02", "--only", "changes,replicate")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^changes +rows/s +[\d,]+", done.stdout, re.MULTILINE)
    assert "replicate" in done.stdout


def test_the_growth_of_the_process() -> None:
    done = bench("--memory", "--scale", "0.005")
    assert done.returncode == 0, done.stderr
    documents, feeds = done.stdout.splitlines()
    assert re.fullmatch(r"_changes\?include_docs=true of 1,000 documents \(\d+ MB\): \+[\d.]+ MB", documents)
    assert re.fullmatch(r"10 continuous feeds: [+-][\d.]+ MB", feeds)


def test_what_logs_and_metrics_cost() -> None:
    done = bench("--logs", "--scale", "0.02", "--only", "bulk,changes")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    heading, *lines, summary = done.stdout.splitlines()
    assert heading.split() == ["told", "untold", "CPU", "told", "CPU", "untold", "time", "CPU"]
    assert [line.split()[0] for line in lines] == ["bulk", "changes"]
    assert re.fullmatch(r"2 ratios: geometric mean of time [\d.]+, CPU [\d.]+; most [\d.]+, [\d.]+", summary)


def test_an_operation_that_does_not_exist() -> None:
    done = bench("--only", "bulk,fly")
    assert done.returncode == 1
    assert "there is no operation fly" in done.stderr


def test_searches_are_measured_while_an_index_is_made_anew() -> None:
    command = [sys.executable, str(SCRIPTS / "bench_search.py"), "--packages", "30", "--engines", "fts5"]
    command += ["--seconds", "0.3", "--queries", "3", "--turn", "0.2", "--rest", "0"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    heading, *lines = done.stdout.splitlines()
    assert heading.startswith("30 packages of two versions")
    told = [line.removeprefix("fts5: ") for line in lines if line.startswith("fts5: ")]
    title, *table = lines[len(told) :]
    assert title.split() == ["fts5,", "30", "packages"]
    assert [": ".join(re.split(r"  +", line)) for line in table] == told
    kinds = [line.partition(": ")[0] for line in told]
    words = ("1 word", "2 words", "3 words")
    assert {*words, *(f"{one}, facets" for one in words), "first page, facets"} < {*kinds}
    assert "found after a publish" in kinds
    assert {f"{what}, {when}" for what in ("publish", "read", "_up") for when in ("quietly", "meanwhile")} < {
        *kinds
    }


def test_packages_are_published_and_read_beside_a_couchdb(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        command = [sys.executable, str(SCRIPTS / "bench_publishing.py"), "--alone", "--rounds", "1"]
        command += ["--seconds", "0.1", "--url", server.couch_url_with_login]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    _, heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["publish", "1", "publish", "16", "descriptor", "file"]
    figures = r"( +[\d,]+ +\(([\d.]+|-)\)){4}"
    assert [bool(re.fullmatch(rf"\S.*?{figures}", line)) for line in lines[:3]] == [True] * 3
    ratio = r"(\d+\.\d\d|-)"  # of those that were answered within so short a time
    assert re.fullmatch(rf"couchreg, no checks / CouchDB: {ratio}(, {ratio}){{3}}", lines[4])
    assert re.search(r"\d\.\d\d", lines[4])


def test_small_publishes_are_measured_beside_the_check_of_a_large_table() -> None:
    done = script("bench_publishing.py", "--beside", "8", "--count", "5")
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    waits = (
        r" +5 publishes: median [\d.]+ ms, 95 % within [\d.]+ ms; /_up [\d.]+ ms, at most [\d.]+ ms; load .*"
    )
    assert re.fullmatch(f"quiet{waits}", lines[0])
    if re.match("busy", lines[1]):  # else it was published within the request
        assert re.fullmatch(f"busy{waits}", lines[1])
        assert re.fullmatch(r"ratio of the medians \d+\.\d\d", lines[2])
    assert any(re.match(r"the large publish: published after \d+ s$", line) for line in lines)
    in_turns = [line for line in lines if line.startswith("in turns, ")]
    assert len(in_turns) in (0, 2)  # none where the check was over too soon, which the script then says
    assert (done.returncode == 1) == lines[-1].startswith("Its check was over")


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / name), *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)


def test_questions_to_a_table_are_measured_beside_duckdb() -> None:
    done = script("bench_tables.py", "--rows", "2000", "--rounds", "2", "--seconds", "0")
    assert done.returncode == 0, done.stderr
    heading, published, memory, file, *questions, _, greedy, last = done.stdout.splitlines()
    assert heading.startswith("2,000 rows")
    assert published.endswith("2,000 rows")
    assert re.search(r": server \d+ MB, its largest child \d+ MB$", memory)
    assert file.startswith("Parquet file: ")
    figures = r".{32} [\d.]+ ms \(best.*, CPU [\d.]+\); DuckDB alone [\d.]+ ms \(best.*\); [\d.]+ times"
    assert [bool(re.fullmatch(figures, line)) for line in questions] == [True] * 6
    assert "/_up meanwhile" in greedy
    assert "load of the machine" in last


def test_tables_are_held_against_what_frictionless_reads(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    fields = [{"name": "a", "type": "integer"}]
    resources = [
        {"name": "right", "path": "right.csv", "schema": {"fields": fields}},
        {"name": "wrong", "path": "wrong.csv", "schema": {"fields": fields}},
    ]
    (wrong / "right.csv").write_text("a\n1\n2\n", "utf-8")
    (wrong / "wrong.csv").write_text("a\nx\n", "utf-8")
    (wrong / "datapackage.json").write_text(json.dumps({"name": "wrong", "resources": resources}), "utf-8")
    done = script("compare_tables.py", str(tmp_path), "--rows", "100")
    assert done.returncode == 0, done.stderr
    failed, ours, made, last = done.stdout.splitlines()
    assert failed.startswith("wrong/wrong: failed: row 2: 'x' is not of type integer. (frictionless: ")
    assert ours.startswith("wrong: 1 tables, 2 rows, 2 cells, 0 differences (integer)")
    assert made.startswith(
        "made: 1 tables, 100 rows, 600 cells, 0 differences (date, integer, number, string)"
    )
    assert last == "2 packages, 0 with differences"
