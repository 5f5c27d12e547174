"""Malware samples as MISP sends them: a zip archive, encrypted with a password that everybody knows, so that no scanner touches it."""

import io
import time
import zipfile
import zlib

from matcher.errors import DamagedPicture, Late, NotAPicture, TooLarge
from matcher.formats import describe, sniff

_PASSWORD = b"infected"
_FILENAME = ".filename.txt"
_MAX_ENTRIES = 100
_PIECE = 1 << 16
# Python undoes this encryption byte by byte: some two megabytes a second, and nobody waits that long for more.
_MOST = 8 << 20


def opened(data: bytes, name: str, max_bytes: int, deadline: float) -> bytes:
    """Return the picture in the archive `data`. deadline: by time.monotonic().

    Raises NotAPicture for another file, or none, after its first bytes; DamagedPicture, TooLarge, Late.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            samples = [one for one in entries[:_MAX_ENTRIES] if not one.is_dir() and not one.filename.endswith(_FILENAME)]
            if not samples:
                raise NotAPicture(f"{name}: the archive of this malware-sample holds no file")
            return _read(archive, samples[0], name, min(max_bytes, _MOST), deadline)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, IndexError) as error:
        raise DamagedPicture(f"{name}: the archive of this malware-sample cannot be read: {error}") from None
    except (RuntimeError, NotImplementedError):
        raise DamagedPicture(f"{name}: the archive of this malware-sample is not encrypted as MISP does it") from None


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, most: int, deadline: float) -> bytes:
    got = bytearray()
    with archive.open(entry, pwd=_PASSWORD) as file:
        while piece := file.read(_PIECE):
            if not got and sniff(piece) is None:
                raise NotAPicture(f"{name} is no picture: {describe(piece)}")
            got += piece
            if len(got) > most:
                raise TooLarge(f"{name}: a malware-sample of more than {most / 2**20:.0f} MiB is not unpacked")
            if time.monotonic() > deadline:
                raise Late(f"{name}: the malware-sample was not unpacked in time")
    return bytes(got)
