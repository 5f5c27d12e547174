"""What programs read: answers as JSON. Field names never change meaning; fields may be added."""

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from matcher.bank import Bank
from matcher.errors import KuatoError
from matcher.match import Alignment, Answer, Evidence, Match, Region
from matcher.source import Source

if TYPE_CHECKING:
    from matcher.doctor import Report
    from matcher.engine import Comparison
    from matcher.extraction import Fingerprints
    from matcher.records import Record

Shape = dict[str, Any]


def moment(seconds: float) -> str | None:
    """Return seconds since the epoch as ISO 8601 in UTC, None for an unknown time (0)."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


def failure(error: KuatoError) -> Shape:
    """Return what went wrong with one input."""
    return {"code": error.code, "message": str(error)}


def picture(record: "Record") -> Shape:
    """Return a known picture, without its fingerprints."""
    return {
        "sha256": record.sha256,
        "format": record.format,
        "width": record.size[0],
        "height": record.size[1],
        "bytes": record.bytes_size,
        "added": moment(record.added),
        "sources": [source(one) for one in record.sources],
        "tags": list(record.tags),
        "banks": list(record.banks),
    }


def whole_picture(record: "Record") -> Shape:
    """Return a known picture with its fingerprints, each with the version of its algorithm."""
    prints = {name: {"version": record.versions[name], "hex": value.hex()} for name, value in record.fingerprints.items()}
    return picture(record) | {"fingerprints": prints}


def source(one: Source) -> Shape:
    """Return where a picture was seen."""
    return {
        "kind": one.kind,
        "id": one.id,
        "first_seen": moment(one.first_seen),
        "last_seen": moment(one.last_seen),
        "metadata": one.metadata,
        "visibility": one.visibility,
    }


def evidence(one: Evidence) -> Shape:
    """Return what one algorithm says. threshold: null where the algorithm has no say."""
    return {
        "algorithm": one.algorithm,
        "family": one.family,
        "distance": _rounded(one.distance),
        "threshold": _rounded(one.threshold) if one.threshold >= 0 else None,
        "decision": one.decision.value,
        "view": one.view,
        "note": one.note,
        "alignment": _alignment(one.alignment) if one.alignment else None,
    }


def match(one: Match) -> Shape:
    """Return a known picture that the query may be, and why."""
    return {
        "decision": one.decision.value,
        "relation": one.relation.value,
        "distance": _rounded(one.distance),
        "picture": picture(one.picture),
        "evidence": [evidence(each) for each in one.evidence],
        "emits": list(one.emits),
    }


def answer(query: str, found: Answer) -> Shape:
    """Return the answer to one search."""
    return {
        "query": query,
        "sha256": found.sha256,
        "decision": found.decision.value,
        "matches": [match(one) for one in found.matches],
        "suppressed": [match(one) for one in found.suppressed],
        "too_simple": found.too_simple,
        "truncated": found.truncated,
        "warnings": list(found.warnings),
        "timings": {step: round(ms, 3) for step, ms in found.timings.items()},
    }


def comparison(names: tuple[str, str], found: "Comparison") -> Shape:
    """Return what two pictures have to do with each other."""
    return {
        "pictures": list(names),
        "decision": found.decision.value,
        "relation": found.relation.value,
        "distance": _rounded(found.distance),
        "too_simple": found.too_simple,
        "evidence": [evidence(each) for each in found.evidence],
    }


def hashes(name: str, found: "Fingerprints") -> Shape:
    """Return the fingerprints of one file, in hexadecimal."""
    return {
        "file": name,
        "sha256": found.sha256,
        "format": found.format,
        "width": found.size[0],
        "height": found.size[1],
        "bytes": found.bytes_size,
        "fingerprints": {algorithm: value.hex() for algorithm, value in found.values.items()},
        "too_simple": list(found.too_simple),
        "warnings": list(found.warnings),
        "timings": {step: round(ms, 3) for step, ms in found.timings.items()},
    }


def bank(one: Bank) -> Shape:
    """Return a bank without its pictures."""
    return {
        "name": one.name,
        "kind": one.kind,
        "tags": list(one.tags),
        "domains": list(one.domains),
        "thresholds": one.thresholds,
        "sensitive": one.sensitive,
        "note": one.note,
    }


def report(found: "Report") -> Shape:
    """Return what the doctor found."""
    findings = [{"code": one.code, "count": one.count, "text": one.text, "repaired": one.repaired} for one in found.findings]
    return {"clean": found.clean, "findings": findings}


def _alignment(found: Alignment) -> Shape:
    return {
        "inliers": found.inliers,
        "weight": _rounded(found.weight),
        "query_region": _region(found.query_region),
        "known_region": _region(found.known_region),
        "matrix": [[float(value) for value in row] for row in found.matrix],
    }


def _region(region: Region) -> list[float]:
    return [_rounded(side) for side in (region.left, region.top, region.right, region.bottom)]


def _rounded(value: float) -> float:
    return round(float(value), 6)
