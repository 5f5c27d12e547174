"""What can go wrong, as callers see it.

KuatoError                       code                 HTTP  exit
├── BadPicture                   bad-picture          422   3
│   ├── NotAPicture              not-a-picture        415   3
│   ├── TooLarge                 too-large            413   3
│   ├── DamagedPicture           damaged-picture      422   3
│   ├── DecodeTimeout            decode-timeout       422   3
│   └── DecodeCrash              decode-crash         422   3
├── BadRequest                   bad-request          400   2
│   └── BadSettings              bad-settings         500   2
├── NotFound                     not-found            404   4
├── Conflict                     conflict             409   5
├── Refused                      refused              403   6
└── StoreUnavailable             store-away           503   7
    ├── StoreFull                store-full           503   7
    └── StoreMismatch            store-mismatch       503   7

A message says what was wrong with which input and what to do:
`report.png has 900 megapixels, the limit is 40 (picture.max_pixels)`.
"""

from typing import ClassVar


class KuatoError(Exception):
    """Any failure Kuato foresees. `code` and `status` are part of the API and never change meaning."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1


class BadPicture(KuatoError):
    """The bytes cannot become a picture."""

    code, status, exit_code = "bad-picture", 422, 3


class NotAPicture(BadPicture):
    """The bytes are of no format on the allow-list."""

    code, status = "not-a-picture", 415


class TooLarge(BadPicture):
    """More bytes, pixels or memory than the limits allow."""

    code, status = "too-large", 413


class DamagedPicture(BadPicture):
    """A known format, but truncated or broken."""

    code = "damaged-picture"


class DecodeTimeout(BadPicture):
    """Decoding or fingerprinting took longer than the limit; the worker was killed."""

    code = "decode-timeout"


class DecodeCrash(BadPicture):
    """The worker that held this picture died."""

    code = "decode-crash"


class BadRequest(KuatoError):
    """What the caller asked for makes no sense."""

    code, status, exit_code = "bad-request", 400, 2


class BadSettings(BadRequest):
    """A setting is unknown or has a value it cannot have."""

    code, status = "bad-settings", 500


class NotFound(KuatoError):
    """The picture, bank or source named is not known."""

    code, status, exit_code = "not-found", 404, 4


class Conflict(KuatoError):
    """Something of that name exists already."""

    code, status, exit_code = "conflict", 409, 5


class Refused(KuatoError):
    """The caller may not do this."""

    code, status, exit_code = "refused", 403, 6


class StoreUnavailable(KuatoError):
    """Redis did not answer; nothing was acknowledged."""

    code, status, exit_code = "store-away", 503, 7


class StoreFull(StoreUnavailable):
    """Redis refuses writes: out of memory, read-only, or its disk is full."""

    code = "store-full"


class StoreMismatch(StoreUnavailable):
    """The store was written with a schema this version does not read."""

    code = "store-mismatch"
