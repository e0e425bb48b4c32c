"""Lists of objects, parts and uploads, page by page."""

from collections.abc import Mapping
from urllib.parse import quote

from tests.bucket_server.objects import Bucket
from tests.bucket_server.words import Refused, at, element, told_of

PAGE = 1000


def list_objects(name: str, bucket: Bucket, query: Mapping[str, str]) -> str:
    """A token is the key, or the common front of keys, after which one goes on."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    place = query.get("continuation-token", query.get("start-after", ""))
    most = _number(query, "max-keys")
    is_quoted = query.get("encoding-type") == "url"
    told, last, fronts, is_truncated = list[str](), place, set[str](), False
    for key in bucket.after(prefix, place):
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        front = "" if end < 0 else key[: end + len(delimiter)]
        if front and (front in fronts or front == place):
            continue
        if len(told) >= most:
            is_truncated = True
            break
        last = front or key
        if front:
            fronts.add(front)
            told.append(element("CommonPrefixes", element("Prefix", _text(front, is_quoted))))
        else:
            told.append(
                element("Contents", element("Key", _text(key, is_quoted)), *told_of(bucket.kept[key]))
            )
    said = [
        element("Name", name),
        element("Prefix", _text(prefix, is_quoted)),
        element("KeyCount", str(len(told))),
        element("MaxKeys", str(most)),
        element("IsTruncated", str(is_truncated).lower()),
        *([element("EncodingType", "url")] if is_quoted else []),
        *([element("NextContinuationToken", last)] if is_truncated else []),
    ]
    return element("ListBucketResult", *said, *told)


def list_parts(name: str, bucket: Bucket, key: str, upload: str, query: Mapping[str, str]) -> str:
    most, behind = _number(query, "max-parts"), int(query.get("part-number-marker") or 0)
    there = [(number, said) for number, said in bucket.parts(upload).items() if number > behind]
    told = [element("Part", element("PartNumber", str(n)), *told_of(said)) for n, said in there[:most]]
    said = [element("Bucket", name), element("Key", key), element("UploadId", upload)]
    said.append(element("IsTruncated", str(len(there) > most).lower()))
    if len(there) > most:
        said.append(element("NextPartNumberMarker", str(there[most - 1][0])))
    return element("ListPartsResult", *said, *told)


def list_uploads(name: str, bucket: Bucket, query: Mapping[str, str]) -> str:
    most, prefix = _number(query, "max-uploads"), query.get("prefix", "")
    behind = query.get("key-marker", ""), query.get("upload-id-marker", "")
    is_quoted = query.get("encoding-type") == "url"
    there = sorted((begun.key, upload, begun.initiated) for upload, begun in bucket.uploads())
    there = [one for one in there if one[0].startswith(prefix) and one[:2] > behind]
    told = [
        element(
            "Upload",
            element("Key", _text(key, is_quoted)),
            element("UploadId", upload),
            element("Initiated", at(initiated)),
        )
        for key, upload, initiated in there[:most]
    ]
    said = [element("Bucket", name), element("IsTruncated", str(len(there) > most).lower())]
    if len(there) > most:
        key, upload, _ = there[most - 1]
        said += [element("NextKeyMarker", _text(key, is_quoted)), element("NextUploadIdMarker", upload)]
    return element("ListMultipartUploadsResult", *said, *told)


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, str(PAGE))
    if not text.isdecimal():
        raise Refused(400, "InvalidArgument", name)
    return min(int(text), PAGE)


def _text(key: str, is_quoted: bool) -> str:
    return quote(key) if is_quoted else key
