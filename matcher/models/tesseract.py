"""Reads text by the program Tesseract: a process for each picture, given plain grey values, answering in its TSV format.

A program of its own rather than a library: what hangs or crashes is that process, and no wheel has to match the system's.
It inherits what the worker gave up (network, memory beyond a limit, files), and dies with it.
"""

import ctypes
import os
import signal
import subprocess
from functools import cached_property

from matcher.errors import BadSettings, KuatoError
from matcher.picture import Pixels

_PR_SET_PDEATHSIG = 1
_LEVEL, _BLOCK, _PARAGRAPH, _LINE, _CONFIDENCE, _TEXT = 0, 2, 3, 4, 10, 11
_WORD = "5"  # the level of single words
_SMALLEST = 10  # pixels a side, below which Tesseract reads nothing


class NotRead(KuatoError):
    """Tesseract failed at a picture, or took too long."""


class Tesseract:
    """The program with its languages.

    data: the folder of language files, None for its own. seconds: for one picture. confidence: percent below which a word is left out.
    """

    def __init__(
        self,
        program: str = "tesseract",
        languages: tuple[str, ...] = ("eng",),
        data: str | None = None,
        seconds: float = 20.0,
        confidence: float = 50.0,
    ) -> None:
        self._program = program
        self._languages = languages
        self._data = ("--tessdata-dir", data) if data else ()
        self._seconds = seconds
        self._confidence = confidence
        self._library = ctypes.CDLL(None)  # loaded before any process is made

    def read(self, grey: Pixels) -> str:
        """Return the text on a picture, uint8 (height, width), a line a line. Raises BadSettings, NotRead."""
        height, width = grey.shape
        if min(height, width) < _SMALLEST or not self._there:
            return ""
        languages = "+".join(self._languages)
        table = self._run(["stdin", "stdout", *self._data, "-l", languages, "--psm", "3", "tsv"], _pgm(grey))
        return words_of(table, self._confidence)

    @cached_property
    def _there(self) -> bool:
        """True once the program and all languages were found there. Raises BadSettings."""
        listed = self._run([*self._data, "--list-langs"]).splitlines()[1:]
        missing = [language for language in self._languages if language not in listed]
        if missing:
            known = ", ".join(name for name in listed if name != "osd") or "none"
            package = f"Debian, Ubuntu: tesseract-ocr-{missing[0].replace('_', '-')}"
            raise BadSettings(f"Tesseract does not know the language {missing[0]!r}; it knows {known} (text.languages; {package})")
        return True

    def _run(self, arguments: list[str], given: bytes = b"") -> str:
        try:
            done = subprocess.run(
                [self._program, *arguments],
                input=given,
                capture_output=True,
                timeout=self._seconds,
                env=_environment(),
                preexec_fn=self._die_with_us,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotRead(f"reading its text took longer than {self._seconds:g} s (text.max_seconds)") from None
        except OSError as error:
            raise BadSettings(f"{self._program} cannot be run: {error.strerror} (text.program)") from None
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            raise NotRead(f"{self._program} failed: {lines[-1][:200] if lines else f'exit code {done.returncode}'}")
        return done.stdout.decode(errors="replace")

    def _die_with_us(self) -> None:
        self._library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def words_of(table: str, confidence: float) -> str:
    """Return the words of Tesseract's TSV that it is sure enough of, a line a line."""
    lines: dict[tuple[str, ...], list[str]] = {}
    for row in table.splitlines():
        fields = row.split("\t")
        if len(fields) == _TEXT + 1 and fields[_LEVEL] == _WORD and fields[_TEXT].strip() and float(fields[_CONFIDENCE]) >= confidence:
            lines.setdefault((fields[_BLOCK], fields[_PARAGRAPH], fields[_LINE]), []).append(fields[_TEXT])
    return "\n".join(" ".join(line) for line in lines.values())


def _pgm(grey: Pixels) -> bytes:
    return b"P5 %d %d 255\n" % (grey.shape[1], grey.shape[0]) + grey.tobytes()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "OMP_THREAD_LIMIT": "1"}
