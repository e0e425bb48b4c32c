"""The blob store in a bucket of S3, or of anything that speaks its API.

Owns every call to the service: retries, parts, conditions, what a provider can and cannot do. Knows no other
store; all others know `blobstore.base`. Comes in: `app`.
"""
