"""Whether the whole chain answers: Kuato's store and workers, its listener, the misp-modules server, MISP itself."""

import base64
import io
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageDraw
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from matcher.engine import Matcher
from matcher.errors import KuatoError
from matcher.settings import Settings
from misp_module.connection import connect
from misp_module.install import Installer
from misp_module.steps import Step
from misp_module.stock.kuato_module import MODULES

_HOVER_SECONDS, _BUTTON_SECONDS, _LIST_SECONDS = 5.0, 10.0, 1.0
_PREFIX = "Plugin.Enrichment_"
_NAME = "image_correlation"


class Checkup:
    """Checks what the settings say. server: address of a stock misp-modules server with our modules, "" for none."""

    def __init__(self, settings: Settings, server: str = "") -> None:
        self._settings = settings
        self._server = server.rstrip("/")
        self._http = PoolManager(retries=False)

    def steps(self, matcher: Matcher) -> Iterator[Step]:
        """Yield what was found, the nearest first."""
        yield self._store(matcher)
        yield self._decoding(matcher)
        host, port = self._settings["misp.listen"].rsplit(":", 1)
        ours = f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]', '') else host}:{port}"  # noqa: S104 - where it is asked, not bound
        yield from self._endpoint(ours, "Kuato's MISP listener", "is `kuato serve` running? (misp.listen, misp.allow)")
        if self._settings["misp.upstream"]:
            yield from self._upstream()
        if self._server:
            yield from self._endpoint(self._server, "the misp-modules server", "is it running, with `-c DIR`? (kuato misp install-module)")
        if self._settings["misp.url"]:
            yield from self._misp(ours)
        else:
            yield Step(True, "MISP itself is not asked: misp.url names no server")

    def _store(self, matcher: Matcher) -> Step:
        try:
            pictures = matcher.stats()["pictures"]
        except KuatoError as error:
            return Step(False, f"Kuato's store does not answer: {error}; `kuato doctor` tells more")
        hint = "" if pictures else ": add some, or nothing is found"
        return Step(pictures > 0, f"Kuato's store answers; {pictures:,} pictures are known{hint}")

    def _decoding(self, matcher: Matcher) -> Step:
        started = time.monotonic()
        try:
            matcher.pool.fingerprint(drawn(), query=True, name="the test picture")
        except KuatoError as error:
            return Step(False, f"a test picture cannot be read: {error}")
        return Step(True, f"a test picture is read in {time.monotonic() - started:.1f} s")

    def _endpoint(self, url: str, called: str, hint: str) -> Iterator[Step]:
        listed, seconds = self._get(f"{url}/modules")
        if not isinstance(listed, list):
            yield Step(False, f"{called} does not list modules at {url}: {listed}; {hint}")
            return
        yield Step(seconds < _LIST_SECONDS, f"{called} lists {len(listed)} modules at {url} in {seconds:.2f} s (MISP waits 1 s)")
        entries = {each.get("name"): each for each in listed if isinstance(each, dict)}
        missing = [name for name in MODULES if name not in entries]
        if missing:
            yield Step(False, f"{called} does not have {', '.join(missing)}; {hint}")
        old = [name for name, about in MODULES.items() if name in entries and entries[name].get("meta") != about["meta"]]
        if old:
            yield Step(False, f"{called} has other versions of {', '.join(old)}; run `kuato misp install-module` again and restart it")
        if _NAME in entries:
            yield self._asked(url, called)

    def _asked(self, url: str, called: str) -> Step:
        attribute = {"type": "attachment", "value": "kuato-check.png", "data": base64.b64encode(drawn()).decode()}
        answer, seconds = self._post(f"{url}/query", {"module": _NAME, "attribute": attribute, "config": {}})
        if not isinstance(answer, dict) or "results" not in answer:
            return Step(False, f"{called} does not answer a question: {answer if isinstance(answer, str) else 'no results'}")
        if answer.get("error"):
            return Step(False, f"{called} answers with an error: {answer['error']}")
        return Step(seconds < _HOVER_SECONDS, f"{called} answers a question in {seconds:.1f} s (MISP waits 5 s on hover, 10 s otherwise)")

    def _upstream(self) -> Iterator[Step]:
        url = self._settings["misp.upstream"].rstrip("/")
        listed, _ = self._get(f"{url}/modules")
        well = isinstance(listed, list)
        said = f"lists {len(listed)} modules" if well else f"does not answer: {listed}"
        yield Step(well, f"the server behind it, {url}, {said} (misp.upstream)")

    def _misp(self, ours: str) -> Iterator[Step]:
        try:
            misp = connect(self._settings, _BUTTON_SECONDS)
            yield Step(True, f"MISP at {self._settings['misp.url']} takes our key")
            yield from Installer(misp).state()
            found = misp.server_settings()
            rows = found.get("finalSettings") if isinstance(found, dict) else None
            if not isinstance(rows, list):
                yield Step(True, "what MISP has set for enrichment cannot be seen: that takes the key of a site administrator")
                return
            yield from self._settings_of({row.get("setting"): row.get("value") for row in rows if isinstance(row, dict)}, ours)
        except KuatoError as error:
            yield Step(False, str(error))

    def _settings_of(self, values: Mapping[str | None, Any], ours: str) -> Iterator[Step]:
        def setting(name: str) -> Any:
            return values.get(_PREFIX + name)

        enabled = setting("services_enable") is True
        yield Step(enabled, f"{_PREFIX}services_enable is {'true' if enabled else 'not true: MISP asks no module'}")
        url = f"{str(setting('services_url') or '').rstrip('/')}:{setting('services_port')}"
        known = {ours, self._server}
        right = _place(url) in map(_place, known)
        yield Step(
            right, f"MISP asks {url}" + ("" if right else f", which is not {' or '.join(sorted(filter(None, known)))}: is it right?")
        )
        for name, why in ((f"{_NAME}_enabled", "the button does not offer it"), ("hover_enable", "nothing is shown on hover")):
            yield Step(setting(name) is True, f"{_PREFIX}{name} is {'true' if setting(name) is True else 'not true: ' + why}")
        timeout = setting("timeout")
        if str(timeout or "10").isdecimal() and int(timeout or 10) <= self._settings["misp.deadline"]:
            yield Step(False, f"{_PREFIX}timeout is {timeout} s, not more than misp.deadline")

    def _get(self, url: str) -> tuple[Any, float]:
        return self._exchange("GET", url, None)

    def _post(self, url: str, body: Mapping[str, Any]) -> tuple[Any, float]:
        return self._exchange("POST", url, json.dumps(body).encode())

    def _exchange(self, method: str, url: str, body: bytes | None) -> tuple[Any, float]:
        """Return the JSON, or in words why there is none, and the seconds it took."""
        started = time.monotonic()
        try:
            answer = self._http.request(method, url, body=body, timeout=Timeout(total=_BUTTON_SECONDS))
            if answer.status != 200:
                return f"status {answer.status}", time.monotonic() - started
            return json.loads(answer.data), time.monotonic() - started
        except HTTPError as error:
            return type(error).__name__, time.monotonic() - started
        except ValueError:
            return "it answers no JSON", time.monotonic() - started


def _place(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").replace("localhost", "127.0.0.1"), parts.port
    except ValueError:
        return "", None


def drawn() -> bytes:
    """Return a PNG file that nobody has seen before."""
    image = Image.new("RGB", (320, 240), "white")
    draw = ImageDraw.Draw(image)
    for i in range(12):
        draw.ellipse((i * 24, (i * 83) % 200, i * 24 + 40, (i * 83) % 200 + 30), fill=(i * 20, 255 - i * 20, (i * 67) % 255))
    draw.text((20, 100), f"kuato misp check {time.time()}", fill="black")
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
