"""Who asks, and what may be shown and done to whom."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from flask import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from matcher.bank import Bank
from matcher.errors import BadRequest, KuatoError, NotFound, Refused, TooManyRequests, Unauthorized
from matcher.match import Answer, Match
from matcher.records import Record
from matcher.settings import Settings
from matcher.source import Source
from matcher.tokens import Role, Tokens
from matcher.web.people import People, Person

LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))
_PROXIED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
_NOBODY = "none"


@dataclass(frozen=True)
class Caller:
    """Who asks. token: its id, "" without one. banks, orgs: what it is limited to, empty for all. address: as the server sees it.

    person: who sits in front of a browser, None for a program.
    """

    name: str
    role: Role
    token: str = ""
    banks: frozenset[str] = frozenset()
    orgs: frozenset[str] = frozenset()
    address: str = ""
    person: Person | None = None

    @property
    def limited(self) -> bool:
        """Whether not everything is this caller's to see."""
        return bool(self.banks or self.orgs)

    def shown(self, record: Record) -> Record | None:
        """Return the part of a picture that the caller may see, None for a picture that does not exist for the caller."""
        part = self.part(record)
        in_no_bank = self.banks and not part.banks
        known_from_others = self.orgs and record.sources and not part.sources
        return None if in_no_bank or known_from_others else part

    def part(self, record: Record) -> Record:
        """Return a picture without what only others may know of it, whatever is left.

        Its cluster is not told to one who is limited: it says that there are others, which may not be the caller's to know.
        """
        record = replace(record, cluster="") if self.limited else record
        if self.orgs:
            record = replace(record, sources=tuple(source for source in record.sources if self._may_know(source)))
        return replace(record, banks=tuple(bank for bank in record.banks if bank in self.banks)) if self.banks else record

    def sees(self, record: Record) -> bool:
        """Whether the picture exists for the caller."""
        return self.shown(record) is not None

    def told(self, answer: Answer, banks: Iterable[Bank]) -> Answer:
        """Return the part of an answer that the caller may see. banks: all there are, each with the tags that it emits."""
        if not self.limited:
            return answer
        tags = frozenset(tag for bank in banks if not self.banks or bank.name in self.banks for tag in bank.tags)
        return replace(answer, matches=self._shown(answer.matches, tags), suppressed=self._shown(answer.suppressed, tags))

    def _shown(self, matches: Iterable[Match], tags: frozenset[str]) -> tuple[Match, ...]:
        found = ((match, self.shown(match.picture)) for match in matches)
        return tuple(
            replace(match, picture=picture, emits=tuple(tag for tag in match.emits if tag in tags))
            for match, picture in found
            if picture is not None
        )

    def searched_banks(self, asked: Iterable[str]) -> tuple[str, ...] | None:
        """Return the banks to search, None for all. Raises Refused for one that is not the caller's."""
        asked = tuple(asked)
        self._check_banks(asked)
        return asked or tuple(sorted(self.banks)) or None

    def written_banks(self, asked: Iterable[str]) -> tuple[str, ...]:
        """Return the banks that a picture of this caller goes into. Raises Refused, BadRequest when that cannot be told."""
        asked = tuple(asked)
        self._check_banks(asked)
        if self.banks and not asked:
            if len(self.banks) > 1:
                raise BadRequest(f"this token is limited to banks; name one of {', '.join(sorted(self.banks))}")
            return tuple(self.banks)
        return asked

    def written_sources(self, sources: Iterable[Source]) -> tuple[Source, ...]:
        """Return sources as this caller may note them: of its own organisation. Raises Refused, BadRequest."""
        return tuple(self._owned(source) for source in sources)

    def added_sources(self, sources: Iterable[Source]) -> tuple[Source, ...]:
        """Return the sources of a picture that the caller adds, as `written_sources`. Raises BadRequest where it would not see it then."""
        owned = self.written_sources(sources)
        if self.orgs and not owned:
            raise BadRequest("this token is limited to organisations; name a source, so that the picture becomes theirs")
        return owned

    def check_owns(self, record: Record) -> None:
        """Raise Refused when others know the picture, too; where its organisation is not told, all do."""
        of_others = self.orgs and not (record.sources and all(source.org in self.orgs for source in record.sources))
        if of_others or len(self.part(record).banks) < len(record.banks):
            raise Refused("others know this picture, too; take it out of your banks, or ask the operator to remove it")

    def check_unlimited(self) -> None:
        """Raise Refused when the caller is limited to banks or organisations."""
        if self.limited:
            raise Refused("this token is limited to some banks or organisations; what was asked for concerns all")

    def _check_banks(self, asked: Iterable[str]) -> None:
        for bank in asked:
            if self.banks and bank not in self.banks:
                raise Refused(f"this token is limited to the banks {', '.join(sorted(self.banks))}")

    def _may_know(self, source: Source) -> bool:
        return not source.org or source.org in self.orgs

    def _owned(self, source: Source) -> Source:
        if not self.orgs:
            return source
        if not source.org:
            if len(self.orgs) > 1:
                raise BadRequest(
                    f"this token is limited to organisations; name one in the source's visibility: {', '.join(sorted(self.orgs))}"
                )
            return replace(source, visibility={**source.visibility, "org": next(iter(self.orgs))})
        if source.org not in self.orgs:
            raise Refused(f"this token may note sources of {', '.join(sorted(self.orgs))} only")
        return source


class Door:
    """Finds out who asks.

    exposed: whether others than this machine's users can ask; then nobody does without a token.
    people: who is let in by what their browser sends, None for nobody.
    """

    def __init__(self, tokens: Tokens, settings: Settings, exposed: bool, people: People | None = None) -> None:
        self._tokens = tokens
        self._people = people
        self._names = frozenset(name.lower() for name in settings["web.names"])
        anonymous = settings["web.anonymous"]
        self._anonymous = None if exposed or anonymous == _NOBODY else Role.named(anonymous)
        self._rate = int(settings["web.rate_limit"])
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def caller(self, request: Request) -> Caller:
        """Return who asks. Raises Unauthorized, Refused, TooManyRequests, StoreUnavailable."""
        address = request.remote_addr or ""
        self._check_name(request)
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme:
            if scheme.lower() != "bearer":
                raise Unauthorized("only bearer tokens are taken; send the header `Authorization: Bearer TOKEN`")
            try:
                token = self._tokens.check(text.strip())
            except Unauthorized:
                self._count(f"guess:{address}", self._rate)
                raise
            self._count(f"token:{token.id}", self._rate if token.rate is None else token.rate)
            return Caller(token.name, token.role, token.id, frozenset(token.banks), frozenset(token.orgs), address)
        person = self._people.person(request) if self._people else None
        if self._people is not None and person is not None:
            self._count(f"person:{person.name}", self._rate)
            self._people.check_token(request)
            return Caller(person.name, person.role, "", person.banks, person.orgs, address, person)
        self._count(f"address:{address}", self._rate)
        if self._anonymous is None or self._somebody():
            raise Unauthorized(
                "a token is needed; send the header `Authorization: Bearer TOKEN` (the operator makes one with `kuato token create`)"
            )
        self._check_browser(request)
        return Caller("anonymous", self._anonymous, address=address)

    def admits(self, authorization: str) -> bool:
        """Whether a request with this Authorization header may come from somebody known; when that cannot be told, too."""
        scheme, _, text = authorization.partition(" ")
        try:
            if scheme:
                self._tokens.check(text.strip())
                return True
            return self._anonymous is not None and not self._somebody()
        except Unauthorized:
            return False
        except KuatoError:
            return True

    def _somebody(self) -> bool:
        """Whether anybody was ever given a token, or an account, or a proxy says who asks; then nobody asks without."""
        return self._tokens.any() or (self._people is not None and (self._people.proxied or self._people.accounts.any()))

    def _check_name(self, request: Request) -> None:
        if self._names and _host(request.host) not in self._names:
            raise Refused("the API is not asked under this name; see web.names in Kuato's settings")

    def _check_browser(self, request: Request) -> None:
        # Without a token anything on this machine may ask, but no page that a browser on it happens to show: such a page
        # cannot help sending its Origin, and a name of its own that it had point here.
        if _host(request.host) not in LOOPBACK_NAMES | self._names:
            raise Refused("without a token the API is asked under localhost alone; see web.names in Kuato's settings")
        # Nor may whoever a proxy lets in that stands on this machine, and that nobody told us of.
        if any(name in request.headers for name in _PROXIED):
            raise Refused("a proxy stands in between, so a token is needed; see web.proxy in Kuato's settings")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise Refused("a page of another server may not ask without a token")

    def _count(self, key: str, rate: int) -> None:
        if rate and not self._limiter.hit(RateLimitItemPerMinute(rate), key):
            raise TooManyRequests(f"more than {rate} requests a minute (web.rate_limit, or the token's own); come back in a minute")


def shown_to(caller: Caller, record: Record) -> Record:
    """Return the part of a picture that the caller may see. Raises NotFound where there is none."""
    shown = caller.shown(record)
    if shown is None:
        raise NotFound(f"no picture {record.sha256} is known")
    return shown


def _host(text: str) -> str:
    """Return the name in a Host header, without port and brackets."""
    try:
        return (urlsplit(f"//{text}").hostname or "").lower()
    except ValueError:
        return ""
