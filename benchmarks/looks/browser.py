"""Chromium without a window, spoken to over two pipes: HTML in, PNG out.

Source: Chrome DevTools Protocol, https://chromedevtools.github.io/devtools-protocol/ (messages are JSON, each ended by a zero byte,
read by the browser from file 3 and written to file 4).
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--remote-debugging-pipe",
)
# A font for each script the pages use; without one a page shows boxes instead of letters.
SCRIPTS = {"ru": "Cyrillic", "ar": "Arabic", "zh-cn": "Chinese"}
PACKAGES = "apt-get install chromium fonts-dejavu fonts-noto-core fonts-noto-cjk"


def missing() -> str | None:
    """Return what this machine lacks to render pages, and how to get it; None where nothing is missing."""
    if not _program():
        return f"Chromium is missing (Debian: {PACKAGES})"
    if not shutil.which("fc-list"):
        return f"fontconfig is missing (Debian: {PACKAGES} fontconfig)"
    for language, script in SCRIPTS.items():
        if not subprocess.run(["fc-list", f":lang={language}", "file"], capture_output=True, check=True).stdout:
            return f"a font with {script} letters is missing (Debian: {PACKAGES})"
    return None


def _program() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One tab of a running Chromium."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = requests, os.fdopen(answers, "rb")
        self._rest, self._number, self._session = b"", 0, ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")
        self._frame = self._call("Page.getFrameTree")["frameTree"]["frame"]["id"]

    def screenshot(self, html: str, width: int = 1280, height: int = 800, *, full: bool = False) -> bytes:
        """Return the PNG of a page as a window of that many CSS pixels shows it; full: down to its end, at most 4,000 pixels."""
        self._size(width, height)
        self._call("Page.setDocumentContent", frameId=self._frame, html=html)
        self._call(
            "Runtime.evaluate",
            expression="Promise.all([document.fonts.ready, ...[...document.images].map(i => i.decode().catch(() => 0))]).then(() => 1)",
            awaitPromise=True,
        )
        if full:
            end = self._call("Runtime.evaluate", expression="document.documentElement.scrollHeight", returnByValue=True)["result"]["value"]
            self._size(width, min(4000, max(height, int(end))))
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def _size(self, width: int, height: int) -> None:
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._requests, data) :]
        for answer in self._messages():
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])
        raise RuntimeError(f"{method}: Chromium ended; start it by hand to see why")

    def _messages(self) -> Iterator[dict[str, Any]]:
        while chunk := self._answers.raw.read(1 << 20):  # type: ignore[attr-defined]
            *whole, self._rest = (self._rest + chunk).split(b"\0")
            for message in whole:
                yield json.loads(message)


@contextmanager
def browser(options: Sequence[str] = OPTIONS) -> Iterator[Browser]:
    """Start Chromium with an empty profile of its own, and end it."""
    lacking, program = missing(), _program()
    if lacking or not program:
        raise SystemExit(lacking)
    requests_in, requests_out = os.pipe()
    answers_in, answers_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # A shell puts the pipes where Chromium wants them: 3 and 4 may be taken by what we opened ourselves.
        command = ["sh", "-c", f'exec "$@" 3<&{requests_in} 4>&{answers_out}', "sh", program, *options, f"--user-data-dir={profile}"]
        process = subprocess.Popen(command, pass_fds=(requests_in, answers_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(requests_in)
        os.close(answers_out)
        try:
            yield Browser(requests_out, answers_in)
        finally:
            process.terminate()
            process.wait(20)
            os.close(requests_out)
