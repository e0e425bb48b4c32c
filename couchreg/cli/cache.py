"""`couchreg cache`: how much is kept of what was installed, and making it less."""

import click

from couchreg.cli.showing import json_option, print_json, run
from couchreg.client.cache import Cache, CacheUsage


@click.command()
@click.option("--clean", is_flag=True, help="Remove everything.")
@click.option("--max-size", metavar="MIB", type=click.IntRange(0), help="Keep what was used last.")
@json_option
def cache(clean: bool, max_size: int | None, as_json: bool) -> None:
    """Show where the cache is and how large; with --clean or --max-size, shrink it."""
    limit = 0 if clean else None if max_size is None else max_size << 20
    folder, removed, left, bound = run(_cache(limit), as_json=as_json)
    if as_json:
        print_json(
            {
                "folder": folder,
                "files": left.files,
                "bytes": left.length,
                "limit": bound,
                "removed": {"files": removed.files, "bytes": removed.length},
            }
        )
        return
    if limit is not None:
        click.echo(f"Removed {removed.files} files, {removed.length} bytes")
    click.echo(f"{folder}: {left.files} files, {left.length} bytes of at most {bound}")


async def _cache(limit: int | None) -> tuple[str, CacheUsage, CacheUsage, int]:
    found = Cache()
    removed = CacheUsage(0, 0) if limit is None else found.trim(limit)
    return str(found.folder), removed, found.use(), found.limit
