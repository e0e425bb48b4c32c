"""Documents and blobs held against each other: audit, sweeping, ownership, records to rebuild from."""
