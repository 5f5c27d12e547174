"""Fingerprints that misbehave, as a stranger's package that registers them by entry point."""

import sys
import textwrap
from pathlib import Path

import pytest

_MODULE = '''
import ctypes, os, resource, socket, subprocess, sys, threading, time

import numpy as np

from matcher.fingerprints.base import Fingerprint


class Double(Fingerprint):
    version, family = 1, "mean"
    seen = None

    def distance(self, query, candidates):
        return np.array([float(query != c) for c in candidates])

    def compute(self, picture):
        # Starting up, a worker tries every algorithm on a sample; these are to misbehave on the pictures of the tests only.
        return self.act(picture) if picture.size[0] == 123 else b"warm"


class Mean(Double):
    name, views = "mean", ("as is", "mirrored", "negative")

    def compute(self, picture):
        grey = picture.grey(8)
        return None if grey.min() == grey.max() else bytes([int(grey[:, :4].mean()), int(grey[:, 4:].mean())])


class Exact(Double):
    name, exact = "exact", True

    def compute(self, picture):
        return repr(picture.pixels.shape).encode()


class Loose(Exact):
    name, exact = "loose", False


class Sleeper(Double):
    name = "sleeper"

    def act(self, picture):
        time.sleep(60)


class Stubborn(Double):
    name = "stubborn"

    def act(self, picture):
        while True:
            pass


class Aborter(Double):
    name = "aborter"

    def act(self, picture):
        os.abort()


class Segfault(Double):
    name = "segfault"

    def act(self, picture):
        ctypes.string_at(0)


class Leaver(Double):
    name = "leaver"

    def act(self, picture):
        print("no more of this", file=sys.stderr, flush=True)
        os._exit(3)


class Greedy(Double):
    name = "greedy"

    def act(self, picture):
        return bytes(len(np.ones(2 << 30, np.uint8)) % 2)


class Raiser(Double):
    name = "raiser"

    def act(self, picture):
        raise ValueError("no such luck")


class Chatter(Double):
    name = "chatter"

    def act(self, picture):
        print("x" * 100_000)
        os.write(1, b"y" * 100)
        return b"fine"


class Liar(Double):
    """Writes what follows the PNG on every pipe it finds, as its answer."""
    name = "liar"

    def act(self, picture):
        lie = picture.data[picture.data.index(b"IEND") + 8 :]
        for end in range(3, 16):
            try:
                os.write(end, lie)
            except OSError:
                pass
        time.sleep(60)


class Leaker(Double):
    name = "leaker"

    def act(self, picture):
        Leaker.seen = np.ones(400 << 20, np.uint8)
        return b"kept"


class Prober(Double):
    """Tries what a sandbox forbids, and says what worked."""
    name = "prober"

    def act(self, picture):
        attempts = {
            "read a file": lambda: open("/etc/passwd").read(),
            "write a file": lambda: open("/tmp/kuato-prober", "w"),
            "list a folder": lambda: os.listdir("/"),
            "make a socket": lambda: socket.socket(),
            "fork": lambda: os.fork() or os._exit(0),
            "run a program": lambda: subprocess.run(["true"]),
            "exec": lambda: os.execv("/bin/true", ["true"]),
            "start a thread": lambda: threading.Thread(target=print).start(),
            "signal the host": lambda: os.kill(os.getppid(), 0),
            "trace": lambda: 1 // (ctypes.CDLL(None).ptrace(0, 0, 0, 0) + 1),
            "lift a limit": lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 1)),
        }
        worked = []
        for what, attempt in attempts.items():
            try:
                attempt()
            except (OSError, RuntimeError, ArithmeticError, ValueError):
                continue
            worked.append(what)
        return ", ".join(worked).encode()


class Surroundings(Double):
    name = "surroundings"

    def act(self, picture):
        return "\\n".join(f"{k}={v}" for k, v in sorted(os.environ.items())).encode()


class Modelled(Double):
    """One that is computed in a worker of models."""
    confined = False
    factor = 1

    @classmethod
    def configured(cls, settings):
        made = cls()
        made.factor = settings["text.max_chars"]
        return made


class Seen(Modelled):
    """What it was given: the shape, the brightness, whether there were bytes of a file; and a setting."""
    name = "seen"

    def act(self, picture):
        return repr((picture.pixels.shape, int(picture.pixels.mean()), picture.data, self.factor)).encode()


class Dreamer(Modelled):
    """Starts a program that outlives it, and waits."""
    name = "dreamer"

    def act(self, picture):
        subprocess.Popen(["sleep", "3600.25"])
        time.sleep(60)


class Crasher(Modelled):
    name = "crasher"

    def act(self, picture):
        os.abort()


class Hungry(Modelled):
    name = "hungry"

    def act(self, picture):
        return bytes(len(np.ones(3 << 30, np.uint8)) % 2)


class Clumsy(Modelled):
    name = "clumsy"

    def act(self, picture):
        raise ValueError("no such luck")


class Late(Modelled):
    """Is told too late that its model is not there."""
    name = "late"

    def compute(self, picture):
        from matcher.errors import BadSettings

        raise BadSettings("the model nowhere.onnx is not there")


class Spy(Modelled):
    """Tries what a worker of models must not, and says what worked."""
    name = "spy"

    def act(self, picture):
        attempts = {
            "make a socket": lambda: socket.socket(),
            "make a pair of sockets": lambda: socket.socketpair(),
            "trace": lambda: 1 // (ctypes.CDLL(None).ptrace(0, 0, 0, 0) + 1),
            "let a program make a socket": lambda: subprocess.run(
                [sys.executable, "-c", "import socket; socket.socket()"], check=True, capture_output=True
            ),
            "write a large file": lambda: open("/tmp/kuato-spy", "wb").write(bytes(2 << 20)),
        }
        worked = []
        for what, attempt in attempts.items():
            try:
                attempt()
            except (OSError, ArithmeticError, subprocess.CalledProcessError):
                continue
            worked.append(what)
        return ", ".join(worked).encode() or b"nothing"


class Number(Double):
    """The number of the process."""
    name = "number"

    def act(self, picture):
        return str(os.getpid()).encode()
'''
_BROKEN = "raise RuntimeError('this module never loads')\n"


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the package on the path of this process; workers see what their host can import."""
    (folder / "kuato_doubles.py").write_text(textwrap.dedent(_MODULE))
    (folder / "kuato_broken.py").write_text(_BROKEN)
    metadata = folder / "kuato_doubles-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: kuato-doubles\nVersion: 1.0\n")
    kinds = [line.split()[1].split("(")[0] for line in _MODULE.splitlines() if line.startswith("class ") and "Fingerprint" not in line]
    points = [f"{kind.lower()} = kuato_doubles:{kind}" for kind in kinds] + ["broken = kuato_broken:Broken"]
    (metadata / "entry_points.txt").write_text("\n".join(["[kuato.fingerprints]", *points, ""]))
    monkeypatch.syspath_prepend(str(folder))
    for module in ("kuato_doubles", "kuato_broken"):
        monkeypatch.delitem(sys.modules, module, raising=False)
