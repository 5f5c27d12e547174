"""What can go wrong, as callers see it.

KuatoError                       code                 HTTP  exit
├── BadPicture                   bad-picture          422   3
│   ├── NotAPicture              not-a-picture        415   3
│   ├── TooLarge                 too-large            413   3
│   ├── DamagedPicture           damaged-picture      422   3
│   ├── DecodeTimeout            decode-timeout       422   3
│   └── DecodeCrash              decode-crash         422   3
├── BadRequest                   bad-request          400   2
│   ├── BadFile                  bad-file             422   2
│   ├── RequestTooLarge          request-too-large    413   2
│   ├── UnsupportedMedia         unsupported-media    415   2
│   └── BadSettings              bad-settings         500   2
├── Unauthorized                 unauthorized         401   6
├── Refused                      refused              403   6
│   └── FetchRefused             fetch-refused        403   6
├── NotFound                     not-found            404   4
├── MethodNotAllowed             method-not-allowed   405   2
├── Conflict                     conflict             409   5
├── TooManyRequests              too-many-requests    429   8
├── FetchFailed                  fetch-failed         502   8
├── Busy                         busy                 503   8
├── Late                         late                 504   8
├── ServerUnavailable            server-away          502   8
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


class BadFile(BadRequest):
    """A file that is to be imported or restored is not what it should be; nothing of it was taken."""

    code, status = "bad-file", 422


class RequestTooLarge(BadRequest):
    """A request has more bytes or parts than the limits allow."""

    code, status = "request-too-large", 413


class UnsupportedMedia(BadRequest):
    """A request in a form that is not taken: another content type, or compressed."""

    code, status = "unsupported-media", 415


class BadSettings(BadRequest):
    """A setting is unknown or has a value it cannot have."""

    code, status = "bad-settings", 500


class Unauthorized(KuatoError):
    """The caller is not known: no token, or none that is valid."""

    code, status, exit_code = "unauthorized", 401, 6


class NotFound(KuatoError):
    """The picture, bank or source named is not known."""

    code, status, exit_code = "not-found", 404, 4


class MethodNotAllowed(KuatoError):
    """The address exists, but not for this method."""

    code, status, exit_code = "method-not-allowed", 405, 2


class Conflict(KuatoError):
    """Something of that name exists already."""

    code, status, exit_code = "conflict", 409, 5


class Refused(KuatoError):
    """The caller may not do this."""

    code, status, exit_code = "refused", 403, 6


class FetchRefused(Refused):
    """An address that may not be fetched from here."""

    code = "fetch-refused"


class TooManyRequests(KuatoError):
    """The caller asks more often than its limit allows."""

    code, status, exit_code = "too-many-requests", 429, 8


class FetchFailed(KuatoError):
    """The other server did not give what was asked for."""

    code, status, exit_code = "fetch-failed", 502, 8


class Busy(KuatoError):
    """All places were taken for as long as one may wait; the work was never begun."""

    code, status, exit_code = "busy", 503, 8


class Late(KuatoError):
    """The work was not done at the deadline; its answer will be dropped."""

    code, status, exit_code = "late", 504, 8


class ServerUnavailable(KuatoError):
    """The Kuato server that a client asks did not answer, or something else answered in its place."""

    code, status, exit_code = "server-away", 502, 8


class StoreUnavailable(KuatoError):
    """Redis did not answer; nothing was acknowledged."""

    code, status, exit_code = "store-away", 503, 7


class StoreFull(StoreUnavailable):
    """Redis refuses writes: out of memory, read-only, or its disk is full."""

    code = "store-full"


class StoreMismatch(StoreUnavailable):
    """The store was written with a schema this version does not read."""

    code = "store-mismatch"
