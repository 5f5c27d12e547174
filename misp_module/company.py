"""In what company a known picture is: its cluster, the events that show it, the brand it belongs to."""

from collections.abc import Iterable
from dataclasses import dataclass

from matcher.bank import Bank
from matcher.cluster import founded_by
from matcher.match import Decision, Match
from matcher.records import Record
from misp_module.disclosure import Policy, events, is_attribute
from misp_module.known import Known
from misp_module.places import covered, hosts_of

# By cluster: its id, in how many events it is that may be told of, and in which it is at all.
Memo = dict[str, tuple[str, int, frozenset[str]]]
IMPERSONATION, BENIGN = "impersonation", "benign"


@dataclass(frozen=True)
class Company:
    """What is told of a match beside the known picture itself.

    cluster: the id that correlates. events: how many events that may be told of show the same picture. crowded: whether so
    many do, told of or not, that MISP would block the value for everybody. verdict: IMPERSONATION, BENIGN, or "" where it
    cannot be told. brand: the baseline that the picture belongs to, "" for none. host: where the picture asked for was seen.
    """

    cluster: str
    events: int = 0
    crowded: bool = False
    verdict: str = ""
    brand: str = ""
    host: str = ""


class Surroundings:
    """Finds out the company of matches. most: events that may share a value (misp.max_correlations)."""

    def __init__(self, known: Known, policy: Policy, most: int) -> None:
        self._known = known
        self._policy = policy
        self._most = most

    def of(self, match: Match, hosts: Iterable[str], asking: str, memo: "Memo | None" = None) -> Company:
        """Return the company of a match. hosts: where the picture asked for was seen; asking: its attribute.

        memo: what was found of the matches before, which are often of one cluster.
        """
        memo = {} if memo is None else memo
        key = match.picture.cluster or match.picture.sha256
        if key not in memo:
            memo[key] = self._cluster(match.picture)
        cluster, told, all_events = memo[key]
        crowded = len(all_events) > self._most
        brand = self._brand(match, asking)
        if brand is None:
            return Company(cluster, told, crowded)
        seen = tuple(hosts)
        foreign = next((host for host in seen if not covered(host, brand.domains)), "")
        verdict = "" if not seen or not brand.domains or match.decision is not Decision.YES else IMPERSONATION if foreign else BENIGN
        return Company(cluster, told, crowded, verdict, brand.name, foreign or (seen[0] if seen else ""))

    def seen(self, record: Record | None, asking: str) -> tuple[str, ...]:
        """Return the hosts on which a picture was seen, as far as that may be told, or the attribute that asks is itself the place."""
        if record is None:
            return ()
        return hosts_of(source for source in record.sources if is_attribute(source, asking) or self._policy.may_tell(source))

    def _cluster(self, picture: Record) -> tuple[str, int, frozenset[str]]:
        """Return the id that correlates, in how many events it is that may be told of, and in which it is at all."""
        # That of a picture in no cluster is the one it would found, so that the value stays when it does.
        own = founded_by(picture.sha256)
        members = (self._known.members(picture.cluster) if picture.cluster else ()) or (picture,)
        told = [one for one in members if not self._policy.conceals(one)]
        concealed = {founded_by(one.sha256) for one in members if self._policy.conceals(one)}
        open_events = events(source for one in told for source in self._policy.told(one))
        all_events = events(source for one in members for source in one.sources)
        name = picture.cluster or own
        if name in concealed:
            # The id is made of the SHA-256 of a picture that does not exist for whoever asks.
            name = founded_by(told[0].sha256) if told else own
        return name, len(open_events), all_events

    def _brand(self, match: Match, asking: str) -> Bank | None:
        names = self._policy.disclose(match.picture, asking).banks
        return next((bank for bank in self._known.book() if bank.kind == "baseline" and bank.name in names), None) if names else None
