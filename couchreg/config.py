"""Settings of a server: which there are, where they come from, what is wrong with them.

A setting is taken from the command line, else from the environment (`COUCHREG_…`), else from
`couchreg.toml` in the data directory, else it has its default. `Settings` is the one table of them:
flags, environment names and documentation are derived from its fields. Only this module of a server
reads the environment (`client/environment.py` is the client's); it opens nothing but `couchreg.toml`.
"""

import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from couchreg.config_values import (
    Read,
    blob_store,
    credentials,
    doc_store,
    http_url,
    issuers,
    networks,
    one_of,
    origins,
    path,
    patterns,
    s3_endpoint,
    source,
    text,
    whole,
)
from couchreg.errors import CouchregError
from couchreg.os_errors import sentence

ENVIRONMENT_PREFIX = "COUCHREG_"
FILE_NAME = "couchreg.toml"
# Names of the environment that belong to the command line as a client, or to the project's tests.
FOREIGN = {"REGISTRY", "USER", "PASSWORD", "TOKEN", "ID_TOKEN", "CONFIG", "CACHE", "CACHE_LIMIT"}
FOREIGN |= {"CRASH_ROUNDS"}
FOREIGN_PREFIX = "TEST_"
# Of the Datastore's documentation; COUCHREG_… goes before them.
DATASTORE_NAMES = {
    "OS_ACCESS_KEY_ID": "s3_access_key_id",
    "OS_SECRET_ACCESS_KEY": "s3_secret_access_key",
    "OS_STORAGE_BUCKET_NAME": "blobstore",
    "OS_S3_HOSTNAME": "s3_endpoint",
}


class CannotStart(CouchregError):
    """Why a server does not start; `reason` is the sentence for the person who tried."""

    exit_status = 2


class SettingsError(CannotStart):
    """A setting that is unknown or wrong."""


def setting(default: Any, doc: str, read: Read, *, metavar: str = "TEXT", secret: bool = False) -> Any:
    """A field of `Settings`: its default, its sentence for people, and how its value is read."""
    return field(default=default, metadata={"doc": doc, "read": read, "metavar": metavar, "secret": secret})


PORT = whole(0, 65535)
LIMIT = whole(0, 1 << 30)
DAYS = whole(0, 3650)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of a server. The order is the one of the documentation."""

    host: str = setting("127.0.0.1", "The address that both doors listen on.", text, metavar="HOST")
    port: int = setting(8000, "Port of the registry door; 0 chooses a free one.", PORT, metavar="PORT")
    couch_port: int = setting(5984, "Port of the couch door; 0 chooses a free one.", PORT, metavar="PORT")
    workers: int = setting(1, "Processes; all but one answer reads.", whole(1, 64), metavar="N")
    data_dir: Path = setting(  # noqa: RUF009 — a Path never changes
        Path("couchreg-data"),
        "The directory that holds everything; created if it does not exist.",
        path,
        metavar="DIR",
    )
    admin: str | None = setting(
        None,
        "The server admin. Without it the first start creates one with a random password.",
        credentials,
        metavar="NAME:PASSWORD",
        secret=True,
    )
    public_url: str | None = setting(
        None,
        "Address under which the registry is reached from outside, for the URLs it hands out.",
        http_url,
        metavar="URL",
    )
    docstore: str = setting(
        "sqlite",
        "Where documents are kept: in the data directory, or in a CouchDB, whose address has the name and "
        "password of an administrator in it; better in the environment than on the command line.",
        doc_store,
        metavar="sqlite|URL",
        secret=True,
    )
    cluster_trial: str = setting(
        "off", "Try out a CouchDB of several nodes: not safe yet.", one_of("off", "on"), metavar="off|on"
    )
    blobstore: str = setting("directory", "Where files lie.", blob_store, metavar="directory|s3://BUCKET")
    redirect: str = setting(
        "off",
        "Whether readers of files are sent to the bucket: to its public addresses, or to signed ones "
        "that end after an hour.",
        one_of("off", "public", "presigned"),
        metavar="off|public|presigned",
    )
    s3_endpoint: str | None = setting(
        None,
        "The S3 server, if it is not Amazon's: a host or http(s)://host:port.",
        s3_endpoint,
        metavar="HOST|URL",
    )
    s3_region: str | None = setting(None, "The region of the bucket.", text, metavar="REGION")
    s3_addressing: str = setting(
        "auto",
        "Whether the bucket stands in the path or the host name of addresses; auto: in the path "
        "where there is an endpoint.",
        one_of("auto", "path", "virtual"),
        metavar="auto|path|virtual",
    )
    s3_access_key_id: str | None = setting(
        None, "Without it the credentials come from where AWS's tools find them.", text, metavar="ID"
    )
    s3_secret_access_key: str | None = setting(
        None,
        "The secret of this access key; better in the environment than on the command line.",
        text,
        metavar="SECRET",
        secret=True,
    )
    s3_session_token: str | None = setting(
        None, "The token of temporary credentials.", text, metavar="TOKEN", secret=True
    )
    s3_profile: str | None = setting(None, "A profile of the AWS configuration.", text, metavar="NAME")
    s3_encryption: str | None = setting(
        None,
        "Server-side encryption of new objects.",
        one_of("AES256", "aws:kms", "aws:kms:dsse"),
        metavar="AES256|aws:kms",
    )
    s3_kms_key: str | None = setting(None, "The key for aws:kms.", text, metavar="KEY")
    s3_storage_class: str | None = setting(None, "The storage class of new objects.", text, metavar="CLASS")
    s3_connections: int = setting(32, "Connections to S3 at the same time.", whole(10, 1000), metavar="N")
    validation: str = setting(
        "strict",
        "What happens to a package with errors: refused, accepted with its report, or not checked.",
        one_of("strict", "warn", "off"),
        metavar="strict|warn|off",
    )
    validation_timeout: int = setting(
        120,
        "Seconds of CPU time that the check of one package may use, and as many for each GiB of its files.",
        whole(1, 86_400),
        metavar="SECONDS",
    )
    validation_memory: int = setting(
        2048, "MiB of address space for the check of one package.", whole(256, 1 << 20), metavar="MIB"
    )
    publish_wait: int = setting(
        60,
        "Seconds that a publish waits for its check; after that it is answered with 202, and goes on.",
        whole(0, 86_400),
        metavar="SECONDS",
    )
    publish_space: int = setting(
        81_920,
        "MiB that all publishes under way may bring, and direct uploads as much again; one user half of it.",
        whole(1, 1 << 30),
        metavar="MIB",
    )
    max_package_size: int = setting(
        20_480, "MiB that all files of one published version may have.", whole(1, 1 << 30), metavar="MIB"
    )
    max_package_files: int = setting(
        20_000, "Files that one published version may have.", whole(1, 1_000_000), metavar="N"
    )
    max_descriptor_size: int = setting(
        16, "MiB that a descriptor may have, inline data included.", whole(1, 256), metavar="MIB"
    )
    search_engine: str = setting("fts5", "Finds packages.", one_of("fts5", "whoosh"), metavar="fts5|whoosh")
    analytics: str = setting("on", "Whether tables can be asked.", one_of("on", "off"), metavar="on|off")
    sweep_grace: int = setting(
        86_400,
        "Seconds after which bytes that no document refers to are removed.",
        whole(0, 1 << 31),
        metavar="SECONDS",
    )
    undelete_days: int = setting(
        7, "Days for which deleted versions can be brought back; 0: not at all.", DAYS, metavar="DAYS"
    )
    password_iterations: int = setting(
        600_000,
        "Iterations of PBKDF2 for passwords that are hashed from now on.",
        whole(1, 10_000_000),
        metavar="N",
    )
    password_length: int = setting(
        8, "Characters that new passwords need at the registry door.", whole(1, 128), metavar="N"
    )
    token_days: int = setting(
        365, "Days that a token lasts if nobody says; 0: until it is revoked.", DAYS, metavar="DAYS"
    )
    oidc_issuers: str = setting("", "Whose identity tokens let jobs publish.", issuers, metavar="URLS")
    design_docs: str = setting(
        "none", "Design documents that the databases are kept with.", text, metavar="none|shipped|DIR"
    )
    registration: str = setting(
        "open",
        "Whether everybody may create an account, or only administrators may.",
        one_of("open", "closed"),
        metavar="open|closed",
    )
    mirror: str | None = setting(
        None,
        "The registry that this one is a mirror of, or its database: maybe with name:password@ in front.",
        source,
        metavar="URL",
        secret=True,
    )
    mirror_packages: str = setting(
        "",
        "Patterns of the packages that are mirrored, with commas between them.",
        patterns,
        metavar="PATTERNS",
    )
    trusted_proxies: str = setting(
        "",
        "Addresses and networks whose X-Forwarded headers are believed, with commas between them.",
        networks,
        metavar="ADDRESSES",
    )
    cors: str = setting(
        "",
        "Origins of pages that may use the couch door with a login, with commas between them; * for any, "
        "without cookies.",
        origins,
        metavar="ORIGINS",
    )
    tls_cert: Path | None = setting(  # noqa: RUF009
        None, "Certificate chain (PEM): with it both doors speak HTTPS.", path, metavar="FILE"
    )
    tls_key: Path | None = setting(  # noqa: RUF009
        None, "Private key (PEM) of the certificate, where it is not in the same file.", path, metavar="FILE"
    )
    log_level: str = setting(
        "info",
        "The lowest level of messages that are logged.",
        one_of("debug", "info", "warning", "error"),
        metavar="debug|info|warning|error",
    )
    guest_requests: int = setting(
        0, "Requests a minute of one address without a login; 0: any number.", LIMIT, metavar="N"
    )
    guest_bytes: int = setting(
        0, "MiB an hour that one address is sent without a login; 0: any number.", LIMIT, metavar="MIB"
    )
    account_requests: int = setting(0, "Requests a minute of one account.", LIMIT, metavar="N")
    account_bytes: int = setting(0, "MiB an hour that one account is sent.", LIMIT, metavar="MIB")
    account_space: int = setting(0, "MiB that one account may publish; 0: any.", LIMIT, metavar="MIB")
    disk_warning: int = setting(
        1024,
        "MiB of room on a disk below which the log and the health of the server warn.",
        whole(0, 1 << 30),
        metavar="MIB",
    )
    access_log: str = setting(
        "off", "A line for each request.", one_of("off", "short", "json"), metavar="off|short|json"
    )
    access_log_file: Path | None = setting(  # noqa: RUF009
        None, "Where these lines go, if not to standard error; SIGHUP opens it anew.", path, metavar="FILE"
    )
    audit_log: str = setting(
        "json", "A line for each change: who did what.", one_of("off", "json"), metavar="off|json"
    )
    audit_log_file: Path | None = setting(  # noqa: RUF009
        None, "Where these lines go, if not to standard error; SIGHUP opens it anew.", path, metavar="FILE"
    )


class Described(NamedTuple):
    """A row of the documentation: one setting under its three names."""

    name: str  # of the field
    flag: str
    environment: str
    key: str | None  # in couchreg.toml; None: cannot stand there
    default: str
    metavar: str
    doc: str


def describe() -> list[Described]:
    """All settings, in order; `couchreg serve --help` and the documentation show exactly these."""
    rows = []
    for spec in fields(Settings):
        flag = spec.name.replace("_", "-")
        default = "" if spec.default is None else str(spec.default)
        key = None if spec.name == "data_dir" else flag
        environment = ENVIRONMENT_PREFIX + spec.name.upper()
        rows.append(
            Described(
                spec.name,
                f"--{flag}",
                environment,
                key,
                default,
                spec.metadata["metavar"],
                spec.metadata["doc"],
            )
        )
    return rows


def load(flags: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this start. `flags` are by field name, None for those not given.

    Raises SettingsError with a sentence that names the setting, where it came from and what is wrong.
    """
    environ = os.environ if environ is None else environ
    given = _from_datastore_names(environ) | _from_environment(environ) | _from_flags(flags)
    directory = _read(given, "data_dir")
    given = _from_file(directory / FILE_NAME) | given
    found = Settings(**{spec.name: _read(given, spec.name) for spec in fields(Settings)})
    if found.oidc_issuers and not found.public_url:
        raise SettingsError(f"{given['oidc_issuers'][0]} needs --public-url, which tokens have to be for.")
    return found


Given = dict[str, tuple[str, Any]]  # field name -> (where it was found, the value as found there)


def _read(given: Given, name: str) -> Any:
    spec = next(spec for spec in fields(Settings) if spec.name == name)
    if name not in given:
        return spec.default
    origin, value = given[name]
    try:
        return spec.metadata["read"](value)
    except ValueError as error:
        raise SettingsError(f"The setting {origin} is wrong: {error}.") from None


def _from_flags(flags: Mapping[str, Any]) -> Given:
    given = {name: value for name, value in flags.items() if value is not None}
    found = {name: (f"--{name.replace('_', '-')}", value) for name, value in given.items()}
    _refuse_unknown(found, {row.name for row in describe()}, "flag")
    return found


def _from_environment(environ: Mapping[str, str]) -> Given:
    """Variables that are set but empty count as absent, as compose files write them."""
    names = [name for name in environ if name.startswith(ENVIRONMENT_PREFIX) and environ[name]]
    found = {name.removeprefix(ENVIRONMENT_PREFIX): name for name in names}
    ours = {
        short.lower(): (name, environ[name])
        for short, name in found.items()
        if short not in FOREIGN and not short.startswith(FOREIGN_PREFIX)
    }
    _refuse_unknown(ours, {row.name for row in describe()}, "environment variable")
    return ours


def _from_datastore_names(environ: Mapping[str, str]) -> Given:
    """The names under which deployments of the Datastore know their bucket."""
    found = {setting: (name, environ[name]) for name, setting in DATASTORE_NAMES.items() if environ.get(name)}
    if "blobstore" in found:
        name, bucket = found["blobstore"]
        found["blobstore"] = (name, f"s3://{bucket}")
    return found


def _from_file(file: Path) -> Given:
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingsError(sentence(error) or str(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}.") from None
    found = {key.replace("-", "_"): (f"{key} in {file}", value) for key, value in table.items()}
    _refuse_unknown(found, {row.name for row in describe() if row.key}, "key")
    return found


def _refuse_unknown(found: Given, known: Collection[str], kind: str) -> None:
    for name, (origin, _) in found.items():
        if name not in known:
            raise SettingsError(f"There is no setting for the {kind} {origin}.")
