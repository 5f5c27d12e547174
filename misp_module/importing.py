"""The module `image_import`: pictures as a file, one or a zip of several, become objects of an event."""

import base64
import io
import json
import math
import time
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from pymisp import MISPObject

from matcher.errors import BadPicture, BadRequest, DamagedPicture, TooLarge
from matcher.formats import describe, sniff
from misp_module.correlation import ImageCorrelation
from misp_module.query import Subject, plain

_PASSWORD = b"infected"
_MOST, _MOST_ENTRIES = 30, 2000
_ENDINGS = {"JPEG": "jpg", "TIFF": "tif"}


class ImageImport:
    """Answers with an `image` object for each picture, and what `correlation` knows of it. max_bytes: of all pictures together."""

    name = "image_import"

    def __init__(self, correlation: ImageCorrelation, max_bytes: int) -> None:
        self._correlation = correlation
        self._max_bytes = max_bytes

    def answer(self, request: dict[str, Any], deadline: float = math.inf) -> dict[str, Any]:
        """Return the objects; `error` tells what became none. Raises BadRequest, BadPicture."""
        objects, errors, number = list[dict[str, Any]](), list[str](), 0
        for number, (name, data) in enumerate(self._files(_decoded(request.get("data"), self._max_bytes)), 1):
            if number > _MOST or time.monotonic() > deadline:
                errors.append(f"Only the first {number - 1} pictures were taken; import the others by themselves.")
                break
            try:
                objects += self._objects(name, data)
            except BadPicture as error:
                errors.append(str(error))
        if not number:
            errors.append("There is no picture in the archive.")
        reply: dict[str, Any] = {"results": {"Object": objects} if objects else {}}
        return reply | ({"error": " ".join(errors)} if errors else {})

    def _objects(self, name: str, data: bytes) -> list[dict[str, Any]]:
        image = MISPObject("image", standalone=False)
        attachment = image.add_attribute(
            "attachment", value=name, data=io.BytesIO(data), to_ids=False, distribution=5, disable_correlation=True
        )
        image.add_attribute("filename", value=name, to_ids=False, distribution=5, disable_correlation=True)
        written: dict[str, Any] = json.loads(image.to_json())
        _, found = self._correlation.of_data(Subject(attachment.uuid if attachment else "", name, data), data)
        return [written, *found]

    def _files(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield the pictures of a file by name; all that is none of them is passed over in an archive."""
        if (format := sniff(data)) is not None:
            yield f"picture.{_ENDINGS.get(format, format.lower())}", data
            return
        if not zipfile.is_zipfile(io.BytesIO(data)):
            raise BadRequest(f"The file is neither a picture nor a zip archive with some: it is {describe(data)}.")
        left = self._max_bytes
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entries = archive.infolist()
                if len(entries) > _MOST_ENTRIES:
                    raise TooLarge(f"The archive holds {len(entries)} files; {_MOST_ENTRIES} are looked at, {_MOST} pictures are taken.")
                for entry in entries:
                    if entry.is_dir():
                        continue
                    with archive.open(entry, pwd=_PASSWORD) as file:
                        start = file.read(64)
                        if sniff(start) is None:
                            continue
                        content = start + file.read(left + 1)
                    left -= len(content)
                    if left < 0:
                        raise TooLarge(f"The archive holds pictures of more than {self._max_bytes / 2**20:.0f} MiB (picture.max_bytes).")
                    yield plain(entry.filename.replace("\\", "/").rpartition("/")[2]), content
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, IndexError) as error:
            raise DamagedPicture(f"The archive cannot be read: {plain(str(error), 120)}") from None


def _decoded(data: object, max_bytes: int) -> bytes:
    if not isinstance(data, str) or not data:
        raise BadRequest("The request brings no file; choose one to import.")
    if len(data) > 4 * -(-max_bytes // 3):
        raise TooLarge(f"The file has more than {max_bytes / 2**20:.0f} MiB, the limit (picture.max_bytes).")
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        raise BadRequest("The file is not valid base64.") from None
