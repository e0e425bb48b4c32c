"""`couchreg datastore …` as a person uses it, on moto's server and on a directory."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result

from couchreg.blobstore.s3.options import S3Options
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.cli.main import cli
from couchreg.config import CannotStart
from tests.conftest import ServerFactory
from tests.datastore.conftest import Client, Connect, settings_of
from tests.s3_servers import new_bucket

CSV = b"a,b\n1,2\n"


async def run(*words: str, env: dict[str, str] | None = None) -> Result:
    """A command in a thread of its own, where it may have its own event loop."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(cli, ["datastore", *words], env=env or {}))


def flags(options: S3Options) -> list[str]:
    return [
        word
        for name, value in settings_of(options).items()
        for word in (f"--{name.replace('_', '-')}", value)
    ]


@pytest.fixture
async def published(server: ServerFactory, connect: Connect, bucket: S3Options) -> Client:
    """Two packages in a bucket, of a server that has stopped."""
    client = connect(await server(**settings_of(bucket)))
    await client.publish("gdp", "1", CSV)
    await client.publish("pop", "1", CSV + b"3,4\n")
    await client.app.stop()
    return client


async def test_setup_opens_a_bucket_once(bucket: S3Options) -> None:
    store = await S3BlobStore.connect(bucket)
    await store.calls("put_object", Key="gdp/1/x", body=b"x")
    shown = await run("setup", *flags(bucket), "--policy")
    policy = json.loads(shown.output)
    assert policy["Statement"][0]["Resource"] == f"arn:aws:s3:::{bucket.bucket}/*"
    first = await run("setup", *flags(bucket), "--yes")
    assert first.exit_code == 0, first.output
    assert json.loads((await store.calls("get_bucket_policy"))["Policy"]) == policy
    [rule] = (await store.calls("get_bucket_cors"))["CORSRules"]
    assert set(rule["AllowedMethods"]) == {"GET", "PUT", "POST"}
    rules = (await store.calls("get_bucket_lifecycle_configuration"))["Rules"]
    assert {"couchreg-unfinished-uploads", "couchreg-unfinished-uploads-parts"} == {r["ID"] for r in rules}
    async with aiohttp.ClientSession() as anybody:
        response = await anybody.get(f"{bucket.endpoint}/{bucket.bucket}/gdp/1/x")
        assert await response.read() == b"x"
    again = await run("setup", *flags(bucket))
    assert (again.exit_code, again.output) == (0, "Everything is set up.\n")
    await store.close()


async def test_setup_keeps_what_others_have_set(bucket: S3Options) -> None:
    store = await S3BlobStore.connect(bucket)
    theirs = {
        "Sid": "Theirs",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject",
        "Resource": f"arn:aws:s3:::{bucket.bucket}/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [theirs]}
    await store.calls("put_bucket_policy", Policy=json.dumps(policy))
    assert (await run("setup", *flags(bucket), "--yes")).exit_code == 0
    found = json.loads((await store.calls("get_bucket_policy"))["Policy"])
    assert [item["Sid"] for item in found["Statement"]] == ["Theirs", "AddPerm"]
    await store.close()


async def test_setup_says_what_a_server_does_not_take(rclone_server: Any) -> None:
    done = await run("setup", *flags(await new_bucket(rclone_server)), "--yes")
    assert done.exit_code == 1
    assert "policy" in done.output


async def test_a_sound_datastore(published: Client, bucket: S3Options, tmp_path: Path) -> None:
    where = ["--data-dir", str(tmp_path / "data"), *flags(bucket)]
    done = await run("check", "--deep", *where)
    assert done.exit_code == 0, done.output
    assert ": 0 missing, 0 different. 0 are not needed." in done.output
    assert (await run("gc", "--grace", "0", *where)).output == "0 removed.\n"


@pytest.mark.parametrize(
    "command",
    [
        "datastore check --data-dir {}",
        "datastore gc --data-dir {}",
        "datastore copy {} {}-target",
        "docstore copy {} {}-target",
        "rebuild --data-dir {}",
    ],
)
@pytest.mark.parametrize("is_empty", [True, False])
def test_care_of_what_is_not_there_makes_nothing(tmp_path: Path, command: str, is_empty: bool) -> None:
    place = tmp_path / "typo"
    if is_empty and "datastore copy" not in command:
        place.mkdir()
    done = CliRunner().invoke(cli, command.replace("{}", str(place)).split())
    assert isinstance(done.exception, CannotStart)
    assert "There is no" in done.exception.reason
    assert [path for path in tmp_path.rglob("*") if path != place] == []


async def test_check_finds_what_is_wrong_and_repairs_what_is_derived(
    published: Client, bucket: S3Options, tmp_path: Path
) -> None:
    where = ["--data-dir", str(tmp_path / "data"), *flags(bucket)]
    store = await S3BlobStore.connect(bucket)
    records = [blob.key async for blob in store.keys("_registry/gdp@1/")]
    for key in ("gdp/1/datapackage.json", "pop/1/data/table.csv", *records):
        await store.delete(key)
    await store.calls("put_object", Key="gdp/1/data/table.csv", body=CSV.replace(b"1", b"7"))
    await store.calls("put_object", Key="gdp/1/stray.csv", body=b"x")
    done = await run("check", "--deep", *where)
    assert done.exit_code == 1
    assert f"{'missing':10} pop/1/data/table.csv" in done.output
    assert f"{'different':10} gdp/1/data/table.csv" in done.output
    assert f"{'orphans':10} gdp/1/stray.csv" in done.output
    repaired = await run("check", "--repair", *where)
    assert "1 missing, 0 different" in repaired.output
    assert {"gdp/1/datapackage.json", *records} <= {blob.key async for blob in store.keys("")}
    assert (await run("gc", "--grace", "0", *where)).output == "1 removed.\n"
    assert await store.info("gdp/1/stray.csv") is None
    await store.close()


async def test_a_deep_check_reads_records_and_descriptors(
    published: Client, bucket: S3Options, tmp_path: Path
) -> None:
    """Records are read by a rebuild alone, which may be years away."""
    where = ["--data-dir", str(tmp_path / "data"), *flags(bucket)]
    store = await S3BlobStore.connect(bucket)
    records = {
        prefix: key.key
        for prefix in ("gdp", "gdp@1", "pop@1")
        async for key in store.keys(f"_registry/{prefix}/")
    }
    sound = (await run("check", "--deep", *where)).output
    assert "0 missing, 0 different" in sound
    before = {key: await content(store, key) for key in (*records.values(), "pop/1/datapackage.json")}
    harmed = {
        records["gdp"]: before[records["gdp"]].replace(b'"owners"', b'"owmers"'),
        records["gdp@1"]: before[records["gdp@1"]][:-7],
        records["pop@1"]: before[records["gdp@1"]],
        "pop/1/datapackage.json": before["pop/1/datapackage.json"].replace(b"pop", b"pup"),
    }
    for key, data in harmed.items():
        assert data != before[key]
        await store.calls("put_object", Key=key, body=data)
    assert "0 missing, 0 different" in (await run("check", *where)).output  # which reads nothing
    done = await run("check", "--deep", *where)
    assert (done.exit_code, "0 missing, 4 different" in done.output) == (1, True)
    for key in harmed:
        assert f"{'different':10} {key}" in done.output
    repaired = await run("check", "--deep", "--repair", *where)
    assert (repaired.exit_code, repaired.output) == (0, sound)
    assert {key: await content(store, key) for key in before} == before
    await store.calls("put_object", Key="_datastore/owner.json", body=b'{"registry":"0"}')
    assert f"{'different':10} _datastore/owner.json" in (await run("check", "--deep", *where)).output
    await store.close()


async def content(store: S3BlobStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.open(key)])


async def test_gc_ends_unfinished_uploads(published: Client, bucket: S3Options, tmp_path: Path) -> None:
    store = await S3BlobStore.connect(bucket)
    await store.calls("create_multipart_upload", Key="gdp/2/large")
    done = await run("gc", "--grace", "0", "--data-dir", str(tmp_path / "data"), *flags(bucket))
    assert done.output == "1 removed.\n"
    assert "Uploads" not in await store.calls("list_multipart_uploads")
    await store.close()


async def test_copy_to_a_directory_and_back(
    published: Client, bucket: S3Options, tmp_path: Path, moto_server: Any
) -> None:
    folder = tmp_path / "copy"
    first = await run("copy", bucket.address, str(folder), *flags(bucket)[2:])
    assert first.exit_code == 0, first.output
    store = await S3BlobStore.connect(bucket)
    keys = {blob.key: blob.length async for blob in store.keys("")}
    files = {str(p.relative_to(folder)): p.stat().st_size for p in folder.rglob("*") if p.is_file()}
    assert files == keys
    again = await run("copy", "--verify", bucket.address, str(folder), *flags(bucket)[2:])
    assert again.output == f"0 copied (0 bytes), {len(keys)} there already.\n"
    other = await new_bucket(moto_server)
    back = await run("copy", str(folder), other.address, *flags(other)[2:])
    assert back.output.startswith(f"{len(keys)} copied")
    (folder / "gdp" / "1" / "data" / "table.csv").write_bytes(os.urandom(len(CSV)))
    refused = await run("copy", "--verify", str(folder), other.address, *flags(other)[2:])
    assert refused.exit_code == 1
    assert "gdp/1/data/table.csv" in refused.output
    await store.close()
