"""Malware samples as MISP keeps them: a ZIP file with the password `infected`."""

import io
import zipfile
import zlib

from matcher.errors import NotAPicture, TooLarge

_PASSWORD = b"infected"
_NAMES = ".filename.txt"
_MOST = 10


def unpacked(data: bytes, name: str, most: int) -> bytes:
    """Return the file in a malware sample. most: bytes it may have. Raises NotAPicture, TooLarge."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist()[:_MOST] if not entry.is_dir() and not entry.filename.endswith(_NAMES)]
            if not entries:
                raise NotAPicture(f"{name} is a malware sample without a file in it")
            if entries[0].file_size > most:
                raise TooLarge(f"{name} has {entries[0].file_size / 1e6:.1f} MB, the limit is {most / 1e6:.1f} (picture.max_bytes)")
            with archive.open(entries[0], pwd=_PASSWORD) as file:
                # The size that the archive tells may be a lie.
                found = file.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError):
        raise NotAPicture(f"{name} is no malware sample that can be unpacked") from None
    if len(found) > most:
        raise TooLarge(f"{name} has more than {most / 1e6:.1f} MB, the limit (picture.max_bytes)")
    return found
