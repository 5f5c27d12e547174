"""Pictures as people hand them over, and the form in which they travel."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Any, TypeAlias

from matcher.errors import BadRequest, NotFound, Refused, TooLarge
from matcher.plaintext import printable

# The bytes of a file, its path, or something open for reading in binary; a name before it is the name it goes by.
Given: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str] | IO[bytes]"
Named: TypeAlias = "Given | tuple[str, Given]"
PICTURE, DETAILS = "picture", "details"
_NAMELESS = "picture"
_ESCAPES = str.maketrans({"\n": "%0A", "\r": "%0D", '"': "%22"})


@dataclass(frozen=True)
class File:
    """A picture that is about to be sent. name: without folders."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Form:
    """The body of a request, as multipart/form-data, in pieces so that no picture is copied."""

    parts: Sequence[bytes]
    content_type: str

    @classmethod
    def of(cls, files: Iterable[File], details: Mapping[str, Any] | None = None) -> "Form":
        """Return a form with these pictures and, where there are any, details as JSON."""
        boundary = f"kuato-{secrets.token_hex(16)}"
        parts: list[bytes] = []
        if details:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{DETAILS}"\r\n\r\n'
            parts += [head.encode(), json.dumps(details).encode(), b"\r\n"]
        for file in files:
            name = file.name.translate(_ESCAPES)
            head = (
                f'--{boundary}\r\nContent-Disposition: form-data; name="{PICTURE}"; filename="{name}"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n"
            )
            parts += [head.encode("utf-8", "replace"), file.data, b"\r\n"]
        parts.append(f"--{boundary}--\r\n".encode())
        return cls(parts, f"multipart/form-data; boundary={boundary}")


def read(given: Named, most: int, name: str | None = None) -> File:
    """Return a picture and its name. Raises NotFound, Refused, BadRequest, TooLarge beyond `most` bytes."""
    if isinstance(given, tuple):
        own, given = given
        name = name or own
    name = (name or named(given))[:1000]
    if isinstance(given, bytes | bytearray | memoryview):
        data = bytes(given)
    elif isinstance(given, str | os.PathLike):
        data = _file(given, name, most)
    else:
        data = _some(given.read(most + 1), name)
    if len(data) > most:
        raise TooLarge(f"{name} has more than {most / 1e6:.1f} MB, the most that is sent (see max_file)")
    return File(name, data)


def named(given: Named) -> str:
    """Return the name of a picture as it may be shown, without folders."""
    path = given[0] if isinstance(given, tuple) else given
    if not isinstance(path, str | os.PathLike):
        path = getattr(path, "name", "")
    return printable(PurePath(path).name, 200) if isinstance(path, str | os.PathLike) and PurePath(path).name else _NAMELESS


def _file(path: "str | os.PathLike[str]", name: str, most: int) -> bytes:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise TooLarge(f"{name} has {size / 1e6:.1f} MB, the most that is sent is {most / 1e6:.1f} (see max_file)")
            return file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{name} does not exist; check the path") from None
    except PermissionError:
        raise Refused(f"{name} may not be read; check its permissions") from None
    except IsADirectoryError:
        raise BadRequest(f"{name} is a folder; name a file") from None
    except (OSError, ValueError) as error:
        raise BadRequest(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _some(data: object, name: str) -> bytes:
    if not isinstance(data, bytes):
        raise BadRequest(f"{name} is open as text; open it in binary")
    return data
