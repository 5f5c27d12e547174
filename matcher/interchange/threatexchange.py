"""PDQ lists as Meta's tools read and write them.

Source: github.com/facebook/ThreatExchange, pdq/cpp (pdq-photo-hasher, hashio) and python-threatexchange (tx hash, dataset, local_file).
"""

import re
from binascii import a2b_hex
from collections.abc import Iterable, Iterator

from matcher.interchange import columns
from matcher.interchange.entries import Entry, Flaw, Given, Item, Listed, ListFormat, Passed, Print
from matcher.interchange.rows import Rows

PDQ = "pdq"
_HASH = re.compile(rb"(?:hash=)?[0-9a-fA-F]{64}")
# The two forms of most lines of most lists, read without further ado.
_PLAIN = re.compile(rb"(?:pdq )?([0-9a-f]{64})")
_COLLECTION = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_TX = re.compile(rf"(?:{_COLLECTION}\s+)?([A-Za-z][\w-]*)\s+(\S+)(.*)")
_OPINION = re.compile(rf"(?:\s+{_COLLECTION})?(?:\s+([A-Z][A-Z_]+))?(?:\s+(\S+))?\s*")


class ThreatExchange(ListFormat):
    """One hash a line, in any of the forms that those tools have.

    HASH                                     the lists of pdq/cpp and tx match --hashes
    pdq HASH                                 tx hash; a file of tx's local_file exchange. Other signal types are passed over
    ['COLLAB'] pdq HASH [CLASS] [TAG,TAG]    tx dataset --print-signals; NEGATIVE_CLASS is passed over
    HASH,QUALITY,FILENAME                    pdq-photo-hasher; a quality below 50 is passed over
    hash=HASH,norm=N,..,filename=FILENAME    pdq-photo-hasher --details
    HASH,ANYTHING                            the hashes with metadata that the clustering tools of pdq/cpp read

    Written as `pdq HASH`. (The tables of tx dataset --csv are read as CSV.)
    """

    name = "threatexchange"

    def wants(self, algorithm: str) -> bool:
        return algorithm == PDQ

    def recognises(self, start: bytes) -> bool:
        first = start.lstrip().partition(b"\n")[0].strip()
        return bool(_HASH.match(first) or re.match(rb"""(?:pdq\s+[0-9a-fA-F]{64}|['"].*['"]\s+[a-z_]+\s)""", first))

    def read(self, given: Given) -> Iterator[Item]:
        rows = Rows(given)
        version, match = given.algorithms.version(PDQ), _PLAIN.fullmatch
        for number, line in given.lines():
            if plain := match(line):
                yield Entry(f"line {number}", (Print(PDQ, version, a2b_hex(plain[1])),))
            else:
                yield self._item(rows, f"line {number}", line.decode("utf-8", "backslashreplace"))

    def write(self, pictures: Iterable[Listed]) -> Iterator[bytes]:
        for picture in pictures:
            for one in picture.prints:
                yield f"{PDQ} {one.value.hex()}\n".encode("ascii")

    def _item(self, rows: Rows, place: str, line: str) -> Item:
        if line.startswith("#"):
            return Passed("remarks")
        first, _, rest = line.partition(",")
        if _HASH.fullmatch(first.strip().encode("utf-8", "replace")):
            about = _details(rest) if first.startswith("hash=") else _metadata(rest)
            return rows.item(place, [(PDQ, first.strip().removeprefix("hash="))], about)
        named = _TX.match(line)
        if not named:
            return Flaw(
                place, f"{line[:80]!r} is no line of a PDQ list, such as a hash, `pdq` and a hash, or a hash, its quality and a name"
            )
        name, signal, rest = named.groups()
        try:
            algorithm = rows.algorithm(name)
        except ValueError as error:
            return Flaw(place, str(error))
        if isinstance(algorithm, Passed):  # a text or a URL; what follows may be anything
            return algorithm
        opinion = _OPINION.fullmatch(rest)
        if not opinion:
            return Flaw(place, f"{rest[:80]!r} behind the hash is no opinion as tx prints them")
        category, tags = opinion.groups()
        about = {columns.CATEGORY: category or "", columns.TAGS: [tag for tag in (tags or "").split(",") if tag]}
        return rows.item(place, [(name, signal)], about)


def _metadata(rest: str) -> dict[str, object]:
    """Return what follows a hash: its quality and a name, or something else."""
    quality, comma, name = rest.partition(",")
    if comma and quality.strip().isdecimal() and len(quality.strip()) <= 3:
        return {columns.QUALITY: quality, columns.NAME: name}
    return {columns.NAME: rest} if rest.strip() else {}


def _details(rest: str) -> dict[str, object]:
    """Return what follows a hash as NAME=VALUE."""
    before, _, name = rest.partition("filename=")
    quality = re.search(r"(?:^|,)quality=(\d{1,3})(?:,|$)", before)
    return {columns.QUALITY: quality[1] if quality else "", columns.NAME: name}
