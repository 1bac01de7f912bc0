"""What is on the disk when it says so: names of files, and not only what is in them."""

import os
from pathlib import Path


def make_durable(folder: Path) -> None:
    """A new name in a folder is on the disk only when the folder is: a key lost to a power cut after
    the data that it wraps was stored would be lost for good."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
