#!/usr/bin/env python3
"""Kuato inside AIL: asks a Kuato server about every picture that AIL collects, and sends the tags that come back.

Copy this file anywhere and run it with AIL's own Python (AIL_HOME and AIL_BIN as AILENV/bin/activate sets them):

    python kuato_ail.py KuatoImages      images of chats and forums
    python kuato_ail.py KuatoItems       screenshots of crawled pages
    python kuato_ail.py take-back        take tags from objects, as `kuato ail withdrawn --json` names them on standard input

The first two are sections of configs/modules.cfg (subscribe = Images, and = Item; publish = Tags). From the environment: KUATO_URL
(http://127.0.0.1:6670), KUATO_TOKEN, KUATO_SECONDS until an answer is given up (60), KUATO_FAVICONS=1 to have those of pages looked at.

What AIL cannot give, this cannot add: AIL takes a message off its queue before it is worked on, so one that is in hand when the process
is killed (SIGKILL, a crash of the machine) is lost, and so are pages that still wait for their screenshot. SIGTERM loses nothing that
is in hand. `kuato ail consume` is the way without that; `kuato ail backfill` finds what was lost.
"""

from __future__ import annotations

import heapq
import json
import os
import signal
import sys
import time
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

if TYPE_CHECKING:
    from collections.abc import Iterable

sys.path.append(os.environ["AIL_BIN"])
from lib.objects.ail_objects import get_obj_from_global_id
from modules.abstract_module import AbstractModule

PLACEHOLDERS = {
    "07244254f73e822bd4a95d916d8b27f2246b02c428adc29082d09550c6ed6e1a",
    "27e14ace10b0f96acd2bd919aaa98a964597532c35b6409dff6cc8eec8214748",
    "3e66bf4cc250a68c10f8a30643d73e50e68bf1d4a38d4adc5bfc4659ca2974c0",
}
CHATS = ("chat", "chat-subchannel", "chat-thread", "post")
# A page comes before its screenshot: looked at so often, so many seconds apart; so many pages at once.
TRIES, APART, MOST_WAITING = 3, 60.0, 10_000
# Statuses by which Kuato says that it will not take this picture, now or later.
_REFUSED = (400, 404, 413, 415, 422)
_SENT = 10_000


class Kuato:
    """A Kuato server. url, token, seconds: where, with what right, and how long to wait for an answer."""

    def __init__(self, url: str, token: str, seconds: float) -> None:
        self._url = url.rstrip("/") + "/api/v1/ail/objects"
        self._token = token
        self._seconds = seconds
        # It is near; what AIL crawls through is no way to it.
        self._opener = build_opener(ProxyHandler({}))

    def ask(self, data: bytes, details: dict[str, Any]) -> dict[str, Any]:
        """Return the answer about a picture. Raises URLError (HTTPError where there was an answer), OSError, ValueError."""
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="details"\r\n\r\n{json.dumps(details)}\r\n'
        head += f'--{mark}\r\nContent-Disposition: form-data; name="picture"; filename="picture"\r\n'
        head += "Content-Type: application/octet-stream\r\n\r\n"
        request = Request(  # noqa: S310 - the operator's own address
            self._url, head.encode() + data + f"\r\n--{mark}--\r\n".encode()
        )
        request.add_header("Content-Type", f"multipart/form-data; boundary={mark}")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        with self._opener.open(request, timeout=self._seconds) as answer:
            found = json.loads(answer.read())
        if not isinstance(found, dict):
            raise ValueError("the answer is not Kuato's")
        return found


class KuatoModule(AbstractModule):  # type: ignore[misc]  # AIL's, without types
    """What both sections have in common."""

    def __init__(self, kuato: Kuato) -> None:
        super().__init__()
        self.kuato = kuato
        self.pending_seconds = 1
        self._sent: OrderedDict[tuple[str, str], None] = OrderedDict()
        signal.signal(signal.SIGTERM, self._end)
        self.logger.info("Kuato module %s started", self.module_name)

    def _end(self, _number: int, _frame: Any) -> None:
        """Let the loop finish the message in hand, and leave."""
        self.proceed = False

    def get_message(self) -> Any:
        """Return the next message; what AIL's own method dies of is ended and logged instead."""
        self.obj = self.sha256_mess = None
        try:
            message = self.queue.get_message()
        except Exception as error:  # noqa: BLE001 - a Redis that is away comes back
            self.logger.warning("no message can be had: %s", error)
            return None
        if not message:
            return None
        gid, digest, text = message
        if not gid:
            self.logger.warning("a message that names no object: %.80r", text)
            return None
        try:
            self.obj = get_obj_from_global_id(gid)
            self.sha256_mess = digest
            return text
        except Exception as error:  # noqa: BLE001 - unknown types raise whatever they like
            self.logger.warning("a message about what is no object: %.80r (%s)", gid, type(error).__name__)
            self.queue.end_message(gid, digest)
            return None

    def picture(self, obj: Any, details: dict[str, Any]) -> bool:
        """Ask about a picture and send the tags; False when told to end before Kuato answered."""
        try:
            data = obj.get_file_content().read()
        except Exception as error:  # noqa: BLE001 - no path, no file, no right: AIL has no word for each
            self.logger.warning("%s has no file: %s", obj.get_global_id(), type(error).__name__)
            return True
        details = {"object": obj.get_global_id(), "tags": sorted(obj.get_tags() or ())[:1000], **details}
        pause = 1.0
        while True:
            try:
                self._send(obj, self.kuato.ask(data, details).get("tags") or ())
                return True
            except HTTPError as error:
                said = error.read(500).decode("utf-8", "replace")
                if error.code in _REFUSED:
                    self.logger.info("%s: %s", details["object"], said)
                    return True
                self.logger.warning("Kuato answered %d: %s; trying again in %d s", error.code, said, pause)
            except (URLError, OSError, ValueError) as error:
                self.logger.warning("Kuato does not answer: %s; trying again in %d s", error, pause)
            # From the second time on, Kuato may have begun this one before.
            details["again"] = True
            waited = 0.0
            while waited < pause:
                if not self.proceed:
                    return False
                time.sleep(0.2)
                waited += 0.2
            pause = min(pause * 2, 60.0)

    def _send(self, obj: Any, tags: Iterable[dict[str, str]]) -> None:
        for tag in tags:
            gid, name = tag["object"], tag["tag"]
            if (gid, name) in self._sent:
                continue
            other = obj if gid == obj.get_global_id() else get_obj_from_global_id(gid)
            # Tags forwards whatever it gets, each time anew.
            if name not in (other.get_tags() or ()):
                self.add_message_to_queue(obj=other, message=name, queue="Tags")
            self._sent[gid, name] = None
            if len(self._sent) > _SENT:
                self._sent.popitem(last=False)


class KuatoImages(KuatoModule):
    """Asks about images (queue Images)."""

    def compute(self, message: Any, r_result: bool = False) -> None:  # noqa: ARG002 - as AIL calls it
        """Ask about the image in hand. message: its date, or nothing."""
        if self.obj is None or self.obj.type != "image":
            return
        chats = [f"{kind}:{one}" for kind in CHATS for one in related(self.obj, kind)]
        date = str(message or "")
        details = {"chats": chats[:100], "date": date if len(date) == 8 and date.isdigit() else ""}
        if not self.picture(self.obj, details):
            self.send_back_message_to_queue(message)


class KuatoItems(KuatoModule):
    """Asks about the screenshots of crawled items (queue Item), which come after the items: looked for again a few times."""

    def __init__(self, kuato: Kuato) -> None:
        self._waiting: list[tuple[float, int, str]] = []
        self._favicons = os.environ.get("KUATO_FAVICONS", "") not in ("", "0")
        super().__init__(kuato)

    def compute(self, message: Any, r_result: bool = False) -> None:  # noqa: ARG002 - as AIL calls it
        """Ask about the screenshots of the item in hand, now or later."""
        is_page = self.obj is not None and self.obj.type == "item" and self.obj.is_crawled()
        if is_page and not self._item(self.obj, 1):
            self.send_back_message_to_queue(message)
        self.computeNone()

    def computeNone(self) -> None:  # noqa: N802 - AIL's name
        """Look again at the items whose time has come."""
        while self._waiting and self._waiting[0][0] <= time.monotonic() and self.proceed:
            _, tries, gid = heapq.heappop(self._waiting)
            try:
                self._item(get_obj_from_global_id(gid), tries)
            except Exception as error:  # noqa: BLE001 - one item must not stop the others
                self.logger.warning("%s: %s", gid, error)

    def _item(self, item: Any, tries: int) -> bool:
        found = related(item, "screenshot")
        if not found and tries < TRIES and len(self._waiting) < MOST_WAITING:
            heapq.heappush(self._waiting, (time.monotonic() + APART, tries + 1, item.get_global_id()))
            return True
        date = "".join(item.id.split("/")[1:4])
        details = {"items": [item.id], "domains": [item.id[19:-36]], "date": date if len(date) == 8 and date.isdigit() else ""}
        objects = [f"screenshot::{id}" for id in (one.partition(":")[2] for one in found) if id not in PLACEHOLDERS]
        if self._favicons:
            # An own one may not be noted yet; the domain's may be.
            noted = related(item, "favicon") or related(get_obj_from_global_id(f"domain::{item.id[19:-36]}"), "favicon")[-10:]
            objects += ["favicon:" + one for one in noted]
        return all(self.picture(get_obj_from_global_id(gid), details) for gid in objects)


def related(obj: Any, kind: str) -> list[str]:
    """Return what an object is correlated with, as subtype:id."""
    found = obj.get_correlation(kind) or ()
    return sorted((found.get(kind) or ()) if isinstance(found, dict) else found)


def take_back(lines: Iterable[str]) -> None:
    """Take tags from objects, as `kuato ail withdrawn --json` names them, a line each."""
    from lib import Tag

    for line in lines:
        told = json.loads(line)
        obj = get_obj_from_global_id(told["object"])
        for name in told["tags"]:
            if name in (obj.get_tags() or ()):
                Tag.delete_object_tag(name, obj.type, obj.id)
                print(f"{told['object']}: {name} taken back")  # noqa: T201 - the answer of a command


def main() -> None:
    """Run the section that the command line names, until SIGTERM; or take tags back."""
    if sys.argv[1:] == ["take-back"]:
        take_back(sys.stdin)
        return
    sections = {"KuatoImages": KuatoImages, "KuatoItems": KuatoItems}
    if len(sys.argv) != 2 or sys.argv[1] not in sections:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(sections)}|take-back")
    environ = os.environ.get
    kuato = Kuato(environ("KUATO_URL", "http://127.0.0.1:6670"), environ("KUATO_TOKEN", ""), float(environ("KUATO_SECONDS", "60")))
    module = sections[sys.argv[1]](kuato)
    while module.proceed:
        try:
            module.run()
        except Exception as error:  # AIL's loop ends when its Redis is away; nobody else would start it again
            if type(error).__name__ == "ModuleQueueError":
                raise
            module.logger.critical("the loop ended (%s: %s); it goes on", type(error).__name__, error)
            time.sleep(2)


if __name__ == "__main__":
    main()
