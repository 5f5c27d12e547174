"""Feeds every parser with bytes that a coverage-guided fuzzer makes up (atheris, of the extra `bench`), for a bounded time each.

    python benchmarks/fuzz.py [--seconds 30] [--only har]

Each parser runs in a process of its own; whatever it raises that is not foreseen ends that process and is shown.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

_LONGEST = 1 << 16


def fuzz(name: str, seconds: float, folder: Path) -> None:
    """Feed one parser in this process; it does not return."""
    import atheris

    # Ours alone: what we did not write is instrumented by nobody, and would take minutes.
    with atheris.instrument_imports(include=["matcher", "misp_module", "ail_connector"]):
        from benchmarks.faulty.parsers import harmless, parsers
    parser = parsers(folder)[name]
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(parser.seeds):
        (corpus / str(number)).write_bytes(seed)
    options = [f"-max_total_time={seconds:g}", f"-max_len={_LONGEST}", "-timeout=10", "-rss_limit_mb=3000", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(corpus)], lambda data: harmless(parser, data))
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--only")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        fuzz(asked.only, asked.seconds, asked.here)
    from benchmarks.faulty.parsers import parsers

    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        names = [asked.only] if asked.only else sorted(parsers(Path(folder)))
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, __file__, f"--seconds={asked.seconds:g}", f"--only={name}", f"--here={folder}"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=asked.seconds * 3 + 120)
            runs = next((line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
            print(f"{name:16} {runs:>10} inputs   {'nothing found' if done.returncode == 0 else 'FAILED'}", flush=True)
            if done.returncode:
                wrong += 1
                print("\n".join(done.stdout.splitlines()[-12:] + done.stderr.splitlines()[-25:]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
