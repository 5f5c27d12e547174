"""Thumbnails: small WebP pictures of known ones, kept in the store for some days, where the settings want them at all.

They are made here from pixels that the confined worker hands over: nothing of a stranger's file is decoded by the server, and what a
browser is sent was not made by whatever touched it. There is none of a sensitive picture.
"""

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PIL import Image

from matcher.protocol import command
from matcher.settings import Settings
from matcher.store import Store

if TYPE_CHECKING:
    from matcher.picture import Pixels
    from matcher.records import Record

KIND = b"q"
_QUALITY = 60
_DAY = 86_400


class Thumbnails:
    """The thumbnails of a store. days: how long one is kept after its picture was last added. on: whether new ones are kept."""

    def __init__(self, store: Store, days: float = 30.0, on: bool = False) -> None:
        self._store = store
        self._seconds = max(1, int(days * _DAY))
        self.on = on

    @classmethod
    def of(cls, store: Store, settings: Settings) -> "Thumbnails":
        """Return the thumbnails that the settings want."""
        return cls(store, settings["thumbnails.days"], settings["thumbnails.enabled"])

    def keep(self, record: "Record", pixels: "Pixels") -> None:
        """Keep the thumbnail of a picture from its pixels, uint8 (height, width, 3); drop it where the picture is sensitive."""
        if record.sensitive:
            self.drop([record.sha256])
        elif self.on:
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "WEBP", quality=_QUALITY, method=2)
            self._store.exchange([command(b"SET", self._key(record.sha256), buffer.getvalue(), b"EX", b"%d" % self._seconds)])

    def get(self, record: "Record") -> bytes | None:
        """Return the thumbnail of a picture as a WebP file, None where there is none, or it is sensitive."""
        return None if record.sensitive else self._store.read([self._key(record.sha256)])[0]

    def there(self, digests: Sequence[str]) -> set[str]:
        """Return which of some pictures have one, by their SHA-256."""
        found = self._store.exchange([command(b"EXISTS", self._key(sha256)) for sha256 in digests])
        return {sha256 for sha256, there in zip(digests, found, strict=True) if there}

    def drop(self, digests: Iterable[str]) -> None:
        """Forget the thumbnails of pictures."""
        self._store.delete([self._key(sha256) for sha256 in digests])

    def _key(self, sha256: str) -> bytes:
        return self._store.key(KIND, bytes.fromhex(sha256))
