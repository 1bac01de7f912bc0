"""A log as others see it: its checkpoint, tiles and entries, from a folder or over HTTP (C2SP tlog-tiles).

What comes from here is not trusted: whoever reads it checks it against a signed root.
"""

from pathlib import Path
from typing import Protocol

import httpx2

from ledger import tiles
from ledger.merkle import HASH_SIZE_BYTES
from ledger.note import NOTE_SIZE_BYTES_MAX
from ledger.tiles import BundleId, TileId

SECONDS = 10.0
_BUNDLE_SIZE_BYTES_MAX = tiles.TILE_WIDTH * (tiles.ENTRY_SIZE_BYTES_MAX + 2)


class SourceAwayError(Exception):
    """The log, or whoever is compared with it, can't be read now."""


class SourceMissingError(SourceAwayError):
    """There is no such file."""


class LogSource(Protocol):
    """Where the files of a log are."""

    def read(self, path: str, limit: int) -> bytes:
        """The file of this path, which must not be larger than the limit."""


class FolderSource:
    """A log that was exported, or is mirrored, to a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str, limit: int) -> bytes:
        try:
            with (self._folder / path).open("rb") as file:
                content = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise SourceMissingError(path) from None
        except OSError as error:
            raise SourceAwayError(f"{path}: {type(error).__name__}") from None
        if len(content) > limit:
            raise SourceAwayError(f"{path}: larger than {limit} bytes")
        return content


class HttpSource:
    """A log under an address."""

    def __init__(self, url: str, client: httpx2.Client) -> None:
        self._url = url.rstrip("/")
        self._client = client

    def read(self, path: str, limit: int) -> bytes:
        return fetch(self._client, f"{self._url}/{path}", limit)


def client() -> httpx2.Client:
    """For a monitor: it goes where it is told, and nowhere else."""
    return httpx2.Client(timeout=SECONDS, follow_redirects=False, trust_env=False)


def fetch(http: httpx2.Client, url: str, limit: int) -> bytes:
    try:
        with http.stream("GET", url) as response:
            if response.status_code == 404:
                raise SourceMissingError(url)
            if response.status_code != 200:
                raise SourceAwayError(f"{url}: {response.status_code}")
            received = bytearray()
            for part in response.iter_bytes():
                received += part
                if len(received) > limit:
                    raise SourceAwayError(f"{url}: larger than {limit} bytes")
            return bytes(received)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise SourceAwayError(f"{url}: {type(error).__name__}") from None


def source_of(place: str, http: httpx2.Client) -> LogSource:
    """The log at an address or in a folder."""
    return HttpSource(place, http) if place.startswith(("http://", "https://")) else FolderSource(Path(place))


def read_checkpoint(source: LogSource) -> bytes:
    return source.read("checkpoint", NOTE_SIZE_BYTES_MAX)


def tile_reader(source: LogSource) -> tiles.TileReader:
    """Tiles by number. A partial tile may be gone once the full one is there, which begins with it."""

    def read_tile(level: int, index: int, width: int) -> bytes:
        wanted, full = TileId(level, index, width), TileId(level, index)
        content = _whole(source, wanted.path, full.path, tiles.TILE_WIDTH * HASH_SIZE_BYTES)
        if len(content) not in (width * HASH_SIZE_BYTES, tiles.TILE_WIDTH * HASH_SIZE_BYTES):
            raise tiles.InvalidTileError(f"{wanted.path} is not as long as it is wide")
        return content[: width * HASH_SIZE_BYTES]

    return read_tile


def entries_of(source: LogSource, bundle: BundleId) -> list[bytes]:
    """The entries of a bundle, as many as it is wide."""
    full = BundleId(bundle.index)
    content = _whole(source, bundle.path, full.path, _BUNDLE_SIZE_BYTES_MAX)
    for width in (bundle.width, tiles.TILE_WIDTH):
        try:
            return tiles.decode_entries(content, width)[: bundle.width]
        except tiles.InvalidTileError:
            continue
    raise tiles.InvalidTileError(f"{bundle.path} does not hold {bundle.width} entries")


def _whole(source: LogSource, path: str, full_path: str, limit: int) -> bytes:
    try:
        return source.read(path, limit)
    except SourceMissingError:
        if path == full_path:
            raise
        return source.read(full_path, limit)
