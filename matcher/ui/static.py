"""Scripts and styles: under an address with a hash of all of them, so that browsers may keep them for ever."""

from hashlib import sha256
from pathlib import Path

from flask import Response

from matcher.errors import NotFound

_KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}


class Static:
    """The files of a folder, read once. version: of all of them."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in _KINDS)
        self._files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        self.version = sha256(b"\0".join(part for name, data in self._files.items() for part in (name.encode(), data))).hexdigest()[:16]

    def answer(self, version: str, file: str) -> Response:
        """Return a file. Raises NotFound."""
        if file not in self._files:
            raise NotFound("the pages have no such file")
        # One of another version is asked for by a page that was loaded before an upgrade: it gets what there is, and keeps it not.
        keep = "public, max-age=31536000, immutable" if version == self.version else "no-store"
        headers = {"Cache-Control": keep, "Cross-Origin-Resource-Policy": "same-origin"}
        return Response(self._files[file], headers=headers, content_type=_KINDS[Path(file).suffix])
