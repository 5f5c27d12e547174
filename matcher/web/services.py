"""What the routes work with, made once for a server and handed to each call."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matcher.audit import Audit
from matcher.engine import Matcher
from matcher.settings import Settings
from matcher.tokens import Tokens
from matcher.web.metrics import Metrics

if TYPE_CHECKING:
    from matcher.fetch import Fetcher
    from matcher.jobs import Jobs


@dataclass(frozen=True)
class Services:
    """The matcher and all that belongs to serving it."""

    matcher: Matcher
    settings: Settings
    tokens: Tokens
    audit: Audit
    metrics: Metrics
    jobs: "Jobs"
    fetcher: "Fetcher"
