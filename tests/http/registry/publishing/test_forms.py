"""The forms a package may be sent in beside CouchDB's: `curl -F`, zip files, gzip; and `?dry-run=true`."""

import asyncio
import gzip
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchreg.registry.publishing.intake import PublishLimits
from tests.packages import Package, related, small, zipped
from tests.served import ADMIN, Serve, Served

WORDS = b"id,word\n1,one\n2,two\n"


def on_disk(package: Package, folder: Path) -> Path:
    """The package as a folder, with its `datapackage.json`."""
    for path, data in {"datapackage.json": json.dumps(package.members).encode(), **package.files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


async def curl(*arguments: str, cwd: Path) -> tuple[int, Any]:
    """What curl gets for a PUT: status and JSON."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("there is no curl on this machine")
    process = await asyncio.create_subprocess_exec(
        program,
        "-q",
        "-sS",
        "--noproxy",
        "*",
        "-u",
        "admin:secret",
        "-X",
        "PUT",
        "-w",
        "\n%{http_code}",
        *arguments,
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    body, _, status = output.decode().rpartition("\n")
    return int(status), json.loads(body)


async def test_curl_publishes_a_folder_with_one_option_for_each_file(served: Served, tmp_path: Path) -> None:
    folder = on_disk(small(), tmp_path / "small")
    parts = ("-F", "datapackage.json=@datapackage.json", "-F", "data/words.csv=@data/words.csv")
    status, answer = await curl(*parts, f"{served.url}/small/1", cwd=folder)
    assert status == 201, answer
    assert await served.get("/small/1/datapackage.json") == (200, small().members)
    _, headers, data = await served.fetch("/small/1/words")
    assert (headers["Content-Type"], data) == ("text/csv", WORDS)
    named = ("-F", "files=@datapackage.json", "-F", "files=@data/words.csv;filename=data/words.csv")
    assert (await curl(*named, f"{served.url}/small/1", cwd=folder))[0] == 200


async def test_curl_publishes_a_zip_as_a_form_or_as_it_is(served: Served, tmp_path: Path) -> None:
    (tmp_path / "small.zip").write_bytes(zipped(small()))
    assert (await curl("-F", "package=@small.zip", f"{served.url}/small/1", cwd=tmp_path))[0] == 201
    kind = "Content-Type: application/zip"
    assert (await curl("-T", "small.zip", "-H", kind, f"{served.url}/small/2", cwd=tmp_path))[0] == 201
    for version in "12":
        assert (await served.fetch(f"/small/{version}/words"))[2] == WORDS
    assert [path for path in served.blobs() if "words" not in path and not path.startswith("_blobs")] == []


def form(*parts: tuple[str, bytes, str | None]) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a form: name, content and file name of each part."""
    text = b""
    for name, data, filename in parts:
        shown = "" if filename is None else f'; filename="{filename}"'
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'
        text += head.encode() + data + b"\r\n"
    return text + b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


DESCRIPTOR = ("datapackage.json", json.dumps(small().members).encode(), None)


@pytest.mark.parametrize(
    ("parts", "status", "words"),
    [
        ([], 400, "no part 'datapackage.json'"),
        ([("data/words.csv", WORDS, "words.csv")], 400, "no part 'datapackage.json'"),
        ([("package", b"PK\x03\x04 no zip", "x.zip")], 400, "broken"),
        ([DESCRIPTOR, ("../words.csv", WORDS, "x")], 400, "leaves the package"),
        ([DESCRIPTOR, ("files", WORDS, "/data/words.csv")], 400, "absolute"),
        ([DESCRIPTOR, ("data/words.csv", WORDS, "a"), ("data/words.csv", WORDS, "b")], 400, "sent twice"),
        ([DESCRIPTOR], 422, "missing-file"),
        ([("datapackage.json", b"{", None)], 400, "JSON"),
        ([DESCRIPTOR, ("data/words.csv", WORDS, "a"), ("unused", b"", "")], 201, ""),
    ],
)
async def test_forms_that_do_not_fit_are_refused(
    served: Served, parts: list[tuple[str, bytes, str | None]], status: int, words: str
) -> None:
    body, headers = form(*parts)
    found, answer = await served.send("/small/1", body, headers)
    assert found == status, answer
    assert words in answer.get("reason", "")
    assert status == 201 or served.blobs() == []


async def test_a_zip_may_hold_the_package_in_a_folder(served: Served) -> None:
    package = small()
    body = zipped(package, prefix="words-main/", extra={".gitignore": b"x", "__MACOSX/._words.csv": b"x"})
    status, answer = await served.send("/small/1", body, {"Content-Type": "application/zip"})
    assert status == 201, answer
    paths = [file["path"] for file in (await served.get("/small/1"))[1]["couchreg"]["files"]]
    assert paths == ["datapackage.json", "data/words.csv"]
    body = zipped(package, prefix="words-main/", extra={"other.csv": b"x"})
    status, answer = await served.send("/small/2", body, {"Content-Type": "application/zip"})
    assert (status, "lies outside" in answer["reason"]) == (400, True)


async def test_a_gzipped_body_is_undone_at_the_door(served: Served) -> None:
    body, headers = related(small())
    packed = gzip.compress(body)
    status, answer = await served.send("/small/1", packed, {**headers, "Content-Encoding": "gzip"})
    assert status == 201, answer
    assert (await served.fetch("/small/1/words"))[2] == WORDS
    for broken in (packed[:-9], body, packed + b"x"):
        status, answer = await served.send("/small/2", broken, {**headers, "Content-Encoding": "gzip"})
        assert (status, answer["error"]) == (400, "bad_request")
    assert (await served.send("/small/2", packed, {**headers, "Content-Encoding": "br"}))[0] == 415
    message = gzip.compress(b'{"message": "Use small-words."}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (await served.send("/-/deprecated/small", message, headers))[0] == 200
    bomb = gzip.compress(b'{"message": "' + b" " * 1_000_000 + b'"}')
    assert (await served.send("/-/deprecated/small", bomb, headers))[0] == 413


async def test_a_dry_run_tells_what_would_happen_and_stores_nothing(served: Served) -> None:
    body, headers = related(small())
    status, answer = await served.send("/small/1?dry-run=true", body, headers)
    assert (status, answer["dry_run"], answer["report"]["valid"]) == (200, True, True)
    assert (served.blobs(), (await served.database.update_seq()).number) == ([], 0)
    broken, headers = related(small(text="id,word\nx,one\n"))
    status, answer = await served.send("/small/1?dry-run=true", broken, headers)
    assert (status, answer["problems"][0]["type"]) == (422, "type-error")
    assert (await served.put(small(), "1"))[0] == 201
    other, headers = related(small(text="id,word\n1,uno\n"))
    assert (await served.send("/small/1?dry-run=true", other, headers))[0] == 409
    assert (await served.send("/small/1?dry-run=maybe", body, headers))[0] == 400
    url = f"{served.url}/small/2?dry-run=true"
    async with served.client.put(url, data=body, headers=headers) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (PublishLimits(total=19), "19 bytes"),
        (PublishLimits(files=0), "0 files"),
        (PublishLimits(descriptor=20), "descriptor may have at most 20 bytes"),
    ],
)
@pytest.mark.parametrize("how", ["related", "form", "zip"])
async def test_limits_answer_413_whatever_the_form(
    serve: Serve, limits: PublishLimits, words: str, how: str
) -> None:
    served = await serve(publishing=limits)
    if how == "related":
        body, headers = related(small())
    elif how == "form":
        body, headers = form(("data/words.csv", WORDS, "words.csv"), DESCRIPTOR)
    else:
        body, headers = zipped(small()), {"Content-Type": "application/zip"}
    status, answer = await served.send("/small/1", body, headers)
    assert (status, answer["error"]) == (413, "too_large")
    assert words in answer["reason"]
    assert served.blobs() == []


async def test_a_body_that_says_it_is_too_long_is_not_even_read(serve: Serve) -> None:
    served = await serve(publishing=PublishLimits(total=1000, files=1, descriptor=1000))

    async def endless() -> Any:
        while True:
            yield b"x" * 1000

    headers = {"Content-Type": "application/zip", "Authorization": ADMIN}
    async with served.client.put(f"{served.url}/small/1", data=b"x" * 20_000, headers=headers) as response:
        assert response.status == 413
    form = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": ADMIN}
    for kind in (headers, form):
        try:
            async with served.client.put(f"{served.url}/small/1", data=endless(), headers=kind) as response:
                assert response.status in (400, 413)
        except aiohttp.ClientConnectionError:
            pass  # the server hung up on what never ends
    assert served.blobs() == []


async def test_gzip_and_zip_may_not_expand_without_end(serve: Serve) -> None:
    served = await serve(publishing=PublishLimits(ratio=20, always=100_000), validation="off")
    package = small(text="id,word\n" + "1,one\n" * 100_000)
    body, headers = related(package)
    packed = gzip.compress(body)
    status, answer = await served.send("/small/1", packed, {**headers, "Content-Encoding": "gzip"})
    assert (status, answer["error"]) == (413, "too_large")
    status, answer = await served.send("/small/1", zipped(package), {"Content-Type": "application/zip"})
    assert (status, "20-fold" in answer["reason"]) == (413, True)
    assert served.blobs() == []
    stored = zipped(package, method=zipfile.ZIP_STORED)
    assert (await served.send("/small/1", stored, {"Content-Type": "application/zip"}))[0] == 201


def test_the_helper_makes_real_zip_files() -> None:
    assert zipfile.ZipFile(io.BytesIO(zipped(small()))).namelist() == ["datapackage.json", "data/words.csv"]
