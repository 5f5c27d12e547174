"""What can go wrong with an AIL beside ours (the tree of matcher/errors.py goes on here)."""

from matcher.errors import BadPicture, KuatoError


class AilUnavailable(KuatoError):
    """AIL's queue or one of its databases did not answer; nothing was taken, or nothing acknowledged."""

    code, status, exit_code = "ail-away", 502, 8


class OddMessage(KuatoError):
    """A message that names no picture of ours; it is ended, and counted."""

    code, status, exit_code = "odd-message", 422, 3


class FileMissing(KuatoError):
    """AIL tells of an object whose file is not there (yet)."""

    code, status, exit_code = "file-missing", 404, 4


class WrongFile(BadPicture):
    """The file of an object is not what its id says: its SHA-256 is another."""

    code = "wrong-file"
