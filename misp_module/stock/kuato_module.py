"""Kuato's modules for a misp-modules server: a thin client that hands MISP's question to Kuato over HTTP.

`kuato misp install-module DIR` copies this file under the name of each module; by its name it knows which one it is. It
needs nothing but Python's standard library, keeps nothing, and never stops or holds up the server that runs it: whatever goes
wrong is an answer with `error`, at the latest after the seconds below, which are less than MISP waits.

Where Kuato is, and the token it wants, is read from the environment (KUATO_URL, KUATO_TOKEN, KUATO_CA_FILE), else from the file
kuato.json beside this one: {"url": "http://127.0.0.1:6667", "token": "", "ca_file": ""}. Nothing of it comes from a request;
proxies of the environment are not asked.
"""

import copy
import json
import os
import queue
import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FILE = "kuato.json"
DEFAULT_URL = "http://127.0.0.1:6667"
VERSION = "1.0"

# MISP waits 5 s on hover and in workflows' enrichments, 10 s otherwise.
_HOVER_SECONDS, _SECONDS = 4.5, 9.0
# A request without the file of the attribute, as on hover, is shorter than this.
WITHOUT_FILE = 16 << 10
# Whoever lets a request run into its deadline is not asked for so long, that threads of the server do not wait in vain.
_PAUSE_SECONDS = 5.0
_LARGEST = 16 << 20
# Objects that have a picture among their attributes.
_SCREENSHOTS = (
    *("image", "phishing", "email", "ddos-claim", "dark-pattern-item", "ransom-negotiation", "virustotal-graph", "meme-image"),
    *("favicon", "ocrized-image", "decoded-qrcode", "annotation", "file", "forged-document", "person", "legal-entity"),
    *("microblog", "twitter-post", "instant-message", "user-account"),
)
_PICTURE = "An attachment or malware-sample with a picture (PNG, JPEG, GIF, WebP, BMP, TIFF, ICO), or an object that has one."
_SIMILARITY = "An image-similarity object for each known picture, the best match first."
_BANK = {"type": "string", "description": "Only known pictures of this bank count; empty: all but baselines.", "value": ""}
_DECISION = {"type": "string", "description": "Least decision that counts: YES or MAYBE.", "value": "YES"}
_PATH = "Attachments of the event that the trigger hands over; where it hands over no files, pictures that Kuato knows by UUID."


def _about(family: str, kinds: list[str], name: str, description: str, features: str, **details: Any) -> dict[str, Any]:
    meta = {
        "version": VERSION,
        "author": "Kuato",
        "module-type": kinds,
        "name": name,
        "description": description,
        "logo": "",
        "requirements": ["A running Kuato"],
        "features": features,
        "references": [],
        "input": details.pop("input"),
        "output": details.pop("output"),
        "config": details.get("config", []),
    }
    return {"type": family, "meta": meta, "mispattributes": details}


def _action(name: str, description: str, params: dict[str, Any], blocking: bool = False) -> dict[str, Any]:
    config = {"params": params, "blocking": blocking, "support_filters": False, "expect_misp_core_format": True}
    features = f"{description} It looks at all attachments with pictures of the event that the workflow hands over."
    return _about("action_mod", ["action"], name, description, features, input=_PATH, output="Whether it was done.", config=config)


MODULES: dict[str, dict[str, Any]] = {
    "image_correlation": _about(
        "expansion",
        ["expansion", "hover"],
        "Image correlation",
        "Tells whether a picture, or something like it, has been seen before: YES or MAYBE, with the reason.",
        "The module takes an attachment with a picture and compares it with all pictures Kuato knows: copies that were"
        " recompressed, resized, cropped, mirrored or edited are found. Each known picture gives one image-similarity object. On"
        " hover, where MISP does not send the file, pictures are answered for that Kuato knows by the UUID of their attribute.",
        input=_PICTURE,
        output=_SIMILARITY,
    )
    | {
        "mispattributes": {
            "input": ["attachment", "malware-sample", *_SCREENSHOTS],
            "output": ["text", "uuid", "link", "float", "sha256"],
            "format": "misp_standard",
        }
    },
    "image_lookup": _about(
        "expansion",
        ["expansion", "hover"],
        "Image lookup",
        "Tells which known pictures were seen at a URL or on a domain, and what is known of a picture by its SHA-256.",
        "The module takes a URL, a domain or a SHA-256. Pictures that were seen there come as image-fingerprint objects; a"
        " picture known by this SHA-256 as image-similarity, with the known pictures that resemble it.",
        input="A URL, a domain or host name, or a SHA-256.",
        output="An image-fingerprint object for each picture seen there, or image-similarity objects.",
    )
    | {
        "mispattributes": {
            "input": ["url", "link", "uri", "domain", "hostname", "sha256", "filename|sha256"],
            "output": ["text", "uuid", "link", "float", "sha256"],
            "format": "misp_standard",
        }
    },
    "image_tag": _action(
        "Image tag",
        "Tags attributes whose picture is known to Kuato, locally, by a key of Kuato's own.",
        {
            "Tag": {"type": "string", "description": "An existing tag; empty: that of the decision.", "value": ""},
            "Bank": _BANK,
            "Decision": _DECISION,
        },
    ),
    "image_sighting": _action(
        "Image sighting",
        "Adds a sighting to the attribute that holds the known picture, once for each attribute that shows it again.",
        {"Bank": _BANK},
    ),
    "image_register": _action(
        "Image register",
        "Lets Kuato remember the pictures of an event, with the UUIDs of their attributes.",
        {"Bank": {"type": "string", "description": "Bank to put them into, which must exist; empty: none.", "value": ""}},
    ),
    "image_stop": _action(
        "Image stop",
        "Stops the workflow when a picture of the event matches a known one of a bank.",
        {
            "Bank": _BANK,
            "Decision": _DECISION,
            "On failure": {"type": "string", "description": "When Kuato cannot tell: stop or continue.", "value": "stop"},
        },
        blocking=True,
    ),
    "image_import": _about(
        "import_mod",
        ["import"],
        "Image import",
        "Puts pictures into an event, one or a zip of several, with what Kuato knows of each.",
        "A picture gives an image object, and an image-similarity object for each known picture that it is or resembles.",
        input="A picture, or a zip archive with pictures, also one encrypted with the password `infected`.",
        output="An image object for each picture, and image-similarity objects.",
    )
    | {"mispattributes": {"inputSource": ["file"], "userConfig": {}, "format": "misp_standard"}},
    "image_export": _about(
        "export_mod",
        ["export"],
        "Image export",
        "Writes the pictures of events and their clusters as JSON, as far as Kuato knows them and may tell.",
        "Each picture of the events that Kuato knows comes with its SHA-256, fingerprints, cluster and banks.",
        input="One event or several.",
        output="A JSON document.",
    )
    | {"mispattributes": {"inputSource": ["event"], "userConfig": {}, "outputFileExtension": "json", "responseType": "application/json"}},
}


def name() -> str:
    """Return which module this file is, from what it is called."""
    called = __name__.rpartition(".")[2]
    return called if called in MODULES else "image_correlation"


def introspection() -> dict[str, Any]:
    """Return the types that the module takes and gives, for MISP."""
    return dict(copy.deepcopy(MODULES[name()]["mispattributes"]))


def version() -> dict[str, Any]:
    """Return the description that MISP shows."""
    return dict(copy.deepcopy(MODULES[name()]["meta"]))


def handler(q: Any = False) -> Any:
    """Return Kuato's answer to a request as MISP sends it, JSON in bytes; always with `results`, or with `error`."""
    if q is False:
        return False
    try:
        return _KUATO.ask(q if isinstance(q, bytes) else str(q).encode())
    except Exception as error:  # noqa: BLE001 - nothing may reach the server that runs this
        return _failed(q, f"Kuato's module {name()} failed: {type(error).__name__}")


class _Trouble(Exception):
    """Why there is no answer, in words for the analyst."""


class _Silent(_Trouble):
    """Kuato let the deadline pass."""


class _Place:
    """Where Kuato is. Raises _Trouble where that cannot be told."""

    def __init__(self) -> None:
        said = self._file()
        url = os.environ.get("KUATO_URL") or said.get("url") or DEFAULT_URL
        self.token = os.environ.get("KUATO_TOKEN") or said.get("token") or ""
        self.ca_file = os.environ.get("KUATO_CA_FILE") or said.get("ca_file") or None
        try:
            parts = urlsplit(url)
            self.host, self.tls = parts.hostname or "", parts.scheme == "https"
            self.port = parts.port or (443 if self.tls else 80)
        except ValueError:
            parts, self.host = urlsplit(""), ""
        if parts.scheme not in ("http", "https") or not self.host or set(url + self.token) & set("\r\n \0"):
            raise _Trouble(f"KUATO_URL, or url in {FILE}, is no address; write one like {DEFAULT_URL}")
        self.path = parts.path.rstrip("/") + "/query"

    def _file(self) -> dict[str, str]:
        try:
            with (Path(__file__).absolute().parent / FILE).open(encoding="utf-8") as file:
                said = json.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise _Trouble(f"{FILE} beside the module cannot be read: {getattr(error, 'strerror', None) or 'it is no JSON'}") from None
        if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
            raise _Trouble(f'{FILE} beside the module is not as it should be: {{"url": "{DEFAULT_URL}", "token": ""}}')
        return said


class _Kuato:
    """Kuato as this server sees it; safe to share between threads."""

    def __init__(self) -> None:
        self._asked_again = 0.0

    def ask(self, body: bytes) -> Any:
        """Return the answer to a request."""
        started = time.monotonic()
        if started < self._asked_again:
            return _failed(body, "Kuato did not answer in time a moment ago; ask again in some seconds.")
        answers: queue.Queue[Any] = queue.Queue(1)
        seconds = _patience(body)
        # In a thread of its own because looking up a name cannot be given up.
        threading.Thread(target=self._try, args=(body, started + seconds, answers), daemon=True).start()
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            answer = _Silent(f"Kuato did not answer within {seconds:g} s.")
        if isinstance(answer, _Silent):
            self._asked_again = time.monotonic() + _PAUSE_SECONDS
        return _failed(body, str(answer)) if isinstance(answer, _Trouble) else answer

    def _try(self, body: bytes, deadline: float, answers: "queue.Queue[Any]") -> None:
        try:
            answers.put(_asked(_Place(), body, deadline))
        except _Trouble as trouble:
            answers.put(trouble)
        except TimeoutError:
            answers.put(_Silent("Kuato did not answer in time."))
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason
            answers.put(_Trouble(f"Kuato's certificate is not trusted, or it speaks no TLS: {why}"))
        except OSError as error:
            answers.put(_Trouble(f"Kuato cannot be reached: {error.strerror or type(error).__name__}. Is it running, is KUATO_URL right?"))
        except Exception as error:  # noqa: BLE001 - a thread that died would let the analyst wait
            answers.put(_Trouble(f"Kuato's answer cannot be used: {type(error).__name__}"))


_KUATO = _Kuato()


def _asked(place: _Place, body: bytes, deadline: float) -> Any:
    """Return what Kuato answers. Raises _Trouble, OSError."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    lines = [f"POST {place.path} HTTP/1.0", f"Host: {host}:{place.port}", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/octet-stream", "Connection: close", "User-Agent: kuato-misp-module/" + VERSION]
    lines += [f"Authorization: Bearer {place.token}"] if place.token else []
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")
    with socket.create_connection((place.host, place.port), timeout=_left(deadline)) as plain:
        line = plain
        if place.tls:
            line = ssl.create_default_context(cafile=place.ca_file).wrap_socket(plain, server_hostname=place.host)
        with line:
            line.settimeout(_left(deadline))
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it read everything
                line.sendall(head)
                line.sendall(body)
            return _read(line, deadline)


def _read(line: socket.socket, deadline: float) -> Any:
    got, end, length = bytearray(), -1, None
    while end < 0 or length is None or len(got) < end + 4 + length:
        line.settimeout(_left(deadline))
        part = line.recv(1 << 18)
        if not part:
            break
        got += part
        if len(got) > _LARGEST:
            raise _Trouble("Kuato's answer is too long to be one.")
        if end < 0 and (end := got.find(b"\r\n\r\n")) >= 0:
            length = _length(bytes(got[:end]))
    head, _, body = bytes(got).partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        code = status[0].decode("ascii", "replace") if status else "nothing"
        hint = {"401": ": its token is missing or wrong (KUATO_TOKEN)", "403": ": this address may not ask (misp.allow)"}.get(code, "")
        raise _Trouble(f"Kuato answers {code[:20]}{hint}." if code != "nothing" else "Kuato hung up; may this address ask (misp.allow)?")
    if length is not None and len(body) < length:
        raise _Trouble("Kuato's answer broke off.")
    answer = json.loads(body)
    if not isinstance(answer, dict):
        raise _Trouble("What answers is not Kuato; is KUATO_URL right?")
    return answer


def begun_by_workflow(body: bytes) -> bool:
    """Whether a workflow's enrichment asks: its requests begin with who runs it."""
    return b'"user"' in body[:64]


def _patience(body: bytes) -> float:
    hovering = len(body) <= WITHOUT_FILE or begun_by_workflow(body)
    return _HOVER_SECONDS if hovering and MODULES[name()]["type"] == "expansion" else _SECONDS


def _length(head: bytes) -> "int | None":
    for each in head.lower().split(b"\r\n")[1:]:
        if each.startswith(b"content-length:"):
            return int(each[15:])
    return None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def _failed(body: Any, text: str) -> Any:
    """Return an error as MISP wants it. Only who set the stop to let go by in doubt gets a yes."""
    if name() == "image_stop":
        try:
            if json.loads(body)["params"]["on_failure"] == "continue":
                return {"data": True, "results": {}}
        except Exception:  # noqa: BLE001, S110 - no such wish
            pass
    return {"error": text, "results": {}}
