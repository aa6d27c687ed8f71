"""Pinned downloads: every file has an address and accepted digests; no other content is used.

`registry.txt` lists the files. `$DATA_MIRROR`, a folder or an http(s) address laid out as
`<host>/<path>`, replaces the public addresses. Downloads are kept in the artifact cache's folder.

A download ends when the server is silent for `SILENCE` seconds, sends fewer than `SLOWEST` bytes a
second over `WINDOW` seconds, or sends more bytes than the file has.

pooch and requests are imported where they are used: every stage reads the list of files, and few
download any.
"""

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from tqdm import tqdm

from stages.runtime.cache import default_root, naming
from stages.runtime.errors import DataError, UsageError
from stages.runtime.guards import ROOM

ATTEMPTS = 3
PASSING = {408, 429, *range(500, 600)}
"""HTTP statuses of faults that may pass: only these are tried again."""
SILENCE = 30.0
SLOWEST = 1024.0
WINDOW = 60.0


@dataclass(frozen=True)
class Remote:
    """A public file.

    accepted : ``algorithm:digest:bytes``, or ``algorithm:digest`` where the size is not published;
        see `registry.txt` for files with several and with none.
    hint : what to do without the file, after "; ", for messages.
    """

    url: str
    accepted: tuple[str, ...]
    hint: str = ""

    @property
    def place(self) -> Path:
        """`<host>/<path>`, the layout of mirrors and of the download folder."""
        parts = urlsplit(self.url)
        return Path(parts.netloc) / parts.path.lstrip("/")

    @property
    def largest(self) -> int:
        """Bytes of the largest accepted copy; `ROOM` where a size is unknown."""
        sizes = [accepted.split(":")[2:] for accepted in self.accepted]
        return max(int(size) for (size,) in sizes) if sizes and all(sizes) else ROOM

    def problem(self, path: Path) -> str:
        """Why a file is no accepted copy, else ""; every file is accepted without known digests."""
        import pooch

        found = []
        for accepted in self.accepted:
            algorithm = accepted.partition(":")[0]
            found.append(f"{algorithm}:{pooch.file_hash(path, algorithm)}:{path.stat().st_size}")
            if accepted in (found[-1], found[-1].rpartition(":")[0]):
                return ""
        wrong = f"wrong digest {' / '.join(found)}, accepted is {' or '.join(self.accepted)}"
        return wrong if found else ""


def _registry() -> dict[str, Remote]:
    remotes = {}
    for line in Path(__file__).with_name("registry.txt").read_text().splitlines():
        entry, _, hint = line.partition("#")
        if entry:
            name, url, *accepted = entry.split()
            remotes[name] = Remote(url, tuple(accepted), hint and f"; {hint.strip()}")
    return remotes


REMOTES = _registry()
"""The files of `registry.txt`, by name: ``source/file``."""
FILES = {
    source: tuple(r for name, r in REMOTES.items() if name.startswith(f"{source}/"))
    for source in ("cifar100", "mnist", "fashion_mnist", "objects92", "animals", "materials")
}
"""What each public source of images or judgments downloads."""


def fetch(remote: Remote) -> Path:
    """A verified local copy of a public file: an earlier download, the mirror's, or a new one.

    A DataError names the file and the address if its digest is wrong or it cannot be had.
    """
    mirror = os.environ.get("DATA_MIRROR", "")
    kept = default_root() / "downloads" / remote.place
    with naming(default_root()):
        if kept.is_file() and not remote.problem(kept):
            return kept
    if mirror and not mirror.startswith(("http://", "https://")):
        return _from_folder(Path(mirror), remote)
    url = mirror.rstrip("/") + "/" + quote(remote.place.as_posix()) if mirror else remote.url
    known = {"registry": {kept.name: None}, "urls": {kept.name: url}}
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    store = pooch.create(kept.parent, url, retry_if_failed=ATTEMPTS - 1, **known)
    with naming(default_root()):
        kept.unlink(missing_ok=True)
        try:
            store.fetch(kept.name, downloader=partial(_download, remote))
        except requests.RequestException as error:
            raise _unavailable(remote, url, error) from error
    return kept


def _from_folder(mirror: Path, remote: Remote) -> Path:
    if not mirror.is_dir():
        raise UsageError(f"DATA_MIRROR: '{mirror}' is not a folder and not an http address")
    path, address = mirror / remote.place, f"(public address: {remote.url})"
    if not path.is_file():
        raise DataError(f"{path}: missing in DATA_MIRROR {address}{remote.hint}")
    if problem := remote.problem(path):
        raise DataError(f"{path}: {problem} {address}")
    return path


def _download(remote: Remote, url: str, target: str, _: object) -> None:
    """Write what an address answers to a file, and verify it.

    pooch calls this, and tries again after a requests.RequestException. What will not pass is a
    DataError: an error status, endless redirects, too many or wrong bytes.
    """
    import requests
    import urllib3

    try:
        _receive(remote, url, Path(target))
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error
    except (requests.TooManyRedirects, requests.HTTPError) as error:
        if error.response is not None and error.response.status_code in PASSING:
            raise
        raise _unavailable(remote, url, error) from error
    if problem := remote.problem(Path(target)):
        raise DataError(f"{remote.place.name}: {problem} (from {url})")


def _receive(remote: Remote, url: str, target: Path) -> None:
    import requests

    # Uncompressed, so that the bytes received are those that the digest is of, and can be counted.
    plain, name = {"Accept-Encoding": "identity"}, remote.place.name
    with (
        requests.get(url, stream=True, timeout=SILENCE, headers=plain) as response,
        target.open("wb") as stream,
        tqdm(desc=name, unit="B", unit_scale=True, disable=None) as bar,
    ):
        response.raise_for_status()
        length = response.headers.get("Content-Length", "")
        bar.reset(int(length) if length.isdecimal() else None)
        since, then = time.monotonic(), 0
        while piece := response.raw.read1(1 << 16, decode_content=True):
            bar.update(stream.write(piece))
            if stream.tell() > remote.largest:
                raise DataError(f"{name}: more than its {remote.largest} bytes (from {url})")
            if (gone := time.monotonic() - since) >= WINDOW:
                if stream.tell() - then < SLOWEST * gone:
                    raise requests.Timeout(f"fewer than {SLOWEST:.0f} bytes a second")
                since, then = time.monotonic(), stream.tell()


def _unavailable(remote: Remote, url: str, reason: Exception) -> DataError:
    return DataError(
        f"{remote.place.name}: could not be downloaded from {url}: {reason}; "
        f"set DATA_MIRROR to a folder or address that holds it{remote.hint}"
    )
