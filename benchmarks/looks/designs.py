"""All designs, and what of each can vary."""

from collections.abc import Callable
from dataclasses import dataclass

from . import boards, chats, logins, papers, posts, services, trade
from .page import Page

RENDERED = {"width": "medium", "full": "medium", "changed": "easy", "cookie": "medium", "theme": "hard", "language": "hard"}


@dataclass(frozen=True)
class Design:
    """draw: writes a page's HTML. brands: how many wear it; where there are more pages than brands, a brand has pages of other contents.

    without: the variants that make no sense for it.
    """

    name: str
    draw: Callable[[Page], str]
    brands: int = 12
    without: frozenset[str] = frozenset()


# What people wrote is not translated, papers have no dark theme, a messenger fills its window and asks for no cookies.
WRITTEN = frozenset({"language"})
PAPER = frozenset({"language", "theme", "cookie", "changed"})
MESSENGER = frozenset({"language", "cookie", "full"})

DESIGNS = (
    Design("bank", logins.bank),
    Design("webmail", logins.webmail, without=frozenset({"full", "changed"})),
    Design("wizard", logins.wizard, without=frozenset({"full", "changed"})),
    Design("parcel", services.parcel),
    Design("gate", services.gate, without=frozenset({"full"})),
    Design("panel", services.panel, 8, WRITTEN),
    Design("invest", services.invest),
    Design("market", trade.market, 9, WRITTEN),
    Design("vendor", trade.vendor, 9, WRITTEN),
    Design("shop", trade.shop),
    Design("threads", boards.threads, 9, WRITTEN),
    Design("thread", boards.thread, 9, WRITTEN),
    Design("leaks", boards.leaks, without=WRITTEN),
    Design("paste", posts.paste, 9, WRITTEN),
    Design("profile", posts.profile, 4, WRITTEN),
    Design("bubbles", chats.bubbles, 3, MESSENGER),
    Design("channels", chats.channels, 3, MESSENGER),
    Design("receipt", papers.receipt, 10, PAPER | {"width"}),
    Design("invoice", papers.invoice, 10, PAPER),
    Design("coins", papers.coins, without=frozenset({"full"})),
)
