"""Where an S3 blob store is and how it is spoken to. Values only; nothing here is asked of a network."""

from dataclasses import dataclass
from urllib.parse import urlsplit

PART = 8 << 20  # bytes of a part; S3 takes no smaller ones than 5 MiB
CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class S3Options:
    """A bucket, or a prefix of one. None means: as the AWS chain (environment, profile, role) has it."""

    bucket: str
    prefix: str = ""  # without slashes at its ends
    endpoint: str | None = None  # http(s)://host:port of another server than Amazon's
    region: str | None = None
    path_style: bool | None = None  # None: with an endpoint of one's own, yes
    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None
    profile: str | None = None
    encryption: str | None = None  # "AES256", "aws:kms", "aws:kms:dsse"
    kms_key: str | None = None
    storage_class: str | None = None
    connections: int = CONNECTIONS
    part: int = PART  # bytes
    parts_at_once: int = 4  # over all uploads: with `part` this bounds the memory
    attempts: int = 4
    connect_timeout: float = 5.0  # seconds
    timeout: float = 30.0  # seconds without an answer

    def key(self, key: str) -> str:
        """The name of a blob's object."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def __repr__(self) -> str:
        return f"S3Options({self.address!r})"  # no secret ever stands in a log

    @property
    def address(self) -> str:
        return f"s3://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def split_address(address: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix`. Raises ValueError with the end of a sentence."""
    parts = urlsplit(address)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{address!r} is not s3://bucket or s3://bucket/prefix")
    return parts.netloc, parts.path.strip("/")
