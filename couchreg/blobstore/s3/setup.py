"""What a bucket needs to be read by everyone: policy, CORS rules, and the end of unfinished uploads.

Each is laid beside what the bucket has already, under a name of its own, so that doing it twice changes
nothing. First one sees what would be done; some servers take none of it, and say so.

Source: the Datastore's documentation, and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteAccessPermissionsReqd.html
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from couchreg.blobstore.s3.calls import S3Calls
from couchreg.blobstore.s3.options import S3Options
from couchreg.errors import CouchregError, NotFound

SID = "AddPerm"
RULE = "couchreg-unfinished-uploads"
DAYS = 7
UPLOADS = "_uploads/"  # where clients put what is not published yet
_CORS: Mapping[str, Any] = {
    "AllowedOrigins": ["*"],
    "AllowedMethods": ["GET", "PUT", "POST"],
    "AllowedHeaders": ["*"],
    "ExposeHeaders": ["Content-Range"],
}


class SetupStep(NamedTuple):
    """One thing to set: `before` and `after` are its value as S3 has it, None for none."""

    name: str
    before: Any
    after: Any
    apply: Callable[[], Awaitable[Any]]

    @property
    def needed(self) -> bool:
        return bool(self.before != self.after)


def public_policy(options: S3Options) -> dict[str, Any]:
    """The policy by which anyone may GET objects, as one pastes it into a console."""
    return {"Version": "2012-10-17", "Statement": [_statement(options)]}


def _statement(options: S3Options) -> dict[str, Any]:
    resource = f"arn:aws:s3:::{options.bucket}/{options.key('*')}"
    return {"Sid": SID, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}


async def plan(calls: S3Calls) -> list[SetupStep]:
    """What is there and what would be. Raises Refused, Unavailable."""
    return [await _policy(calls), await _cors(calls), await _lifecycle(calls)]


async def perform(step: SetupStep) -> str | None:
    """Do one step; why the server does not take it, None when it has."""
    try:
        await step.apply()
    except CouchregError as error:
        return error.reason
    return None


async def _policy(calls: S3Calls) -> SetupStep:
    before = _read(await _found(calls, "get_bucket_policy", "Policy"))
    kept = [item for item in (before or {}).get("Statement", ()) if item.get("Sid") != SID]
    mine = _statement(calls.options)
    there = any(item == mine for item in (before or {}).get("Statement", ()))
    after = before if there else {**public_policy(calls.options), "Statement": [*kept, mine]}
    return SetupStep("policy", before, after, lambda: calls("put_bucket_policy", Policy=json.dumps(after)))


def _read(policy: str | None) -> Any:
    """None also for the answer of a server that does not know what a policy is."""
    try:
        return json.loads(policy or "null")
    except ValueError:
        return None


async def _cors(calls: S3Calls) -> SetupStep:
    before = await _found(calls, "get_bucket_cors", "CORSRules")
    after = before if before and any(_covers(rule) for rule in before) else [*(before or ()), dict(_CORS)]
    return SetupStep(
        "CORS rules", before, after, lambda: calls("put_bucket_cors", CORSConfiguration={"CORSRules": after})
    )


def _covers(rule: Mapping[str, Any]) -> bool:
    return all(set(values) <= set(rule.get(name, ())) for name, values in _CORS.items())


async def _lifecycle(calls: S3Calls) -> SetupStep:
    before = await _found(calls, "get_bucket_lifecycle_configuration", "Rules")
    kept = [rule for rule in before or () if rule.get("ID") not in (RULE, f"{RULE}-parts")]
    mine: Sequence[dict[str, Any]] = (
        {
            "ID": RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": calls.options.key(UPLOADS)},
            "Expiration": {"Days": DAYS},
        },
        {
            "ID": f"{RULE}-parts",
            "Status": "Enabled",
            "Filter": {"Prefix": calls.options.key("")},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": DAYS},
        },
    )
    names = {rule.get("ID") for rule in before or ()}
    after = before if {rule["ID"] for rule in mine} <= names else [*kept, *mine]
    return SetupStep(
        "lifecycle rules",
        before,
        after,
        lambda: calls("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": after}),
    )


async def _found(calls: S3Calls, operation: str, member: str) -> Any:
    try:
        return (await calls(operation)).get(member)
    except NotFound:
        return None
