"""The folder of the search index: it holds what one engine made, and nothing else."""

import shutil
from pathlib import Path


def make_room(directory: Path, keep: str | None = None) -> None:
    """Have the folder, with nothing in it but what is called `keep` or begins so. Raises OSError."""
    if not directory.is_dir():
        directory.unlink(missing_ok=True)  # something else has its name
        directory.mkdir(mode=0o700, parents=True)
    for path in list(directory.iterdir()):
        if keep is not None and path.name.startswith(keep):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
