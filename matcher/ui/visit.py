"""One request of a page: what a handler is given."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Response, render_template, request, url_for

from matcher.sessions import Browser
from matcher.tokens import Role
from matcher.ui.words import Words
from matcher.web.access import Caller
from matcher.web.people import People
from matcher.web.services import Services


@dataclass
class Visit:
    """A visitor and what they ask for.

    caller: who asks, with what they may see (`caller.shown`, `caller.part`); of the role `search` and nobody on pages open to all.
    known: whether it is known who that is. path: what varies in the address. audited: what the audit line says beyond who, what, when.
    """

    services: Services
    people: People
    browser: Browser
    words: Words
    languages: Mapping[str, Words]
    caller: Caller
    known: bool = False
    path: Mapping[str, str] = field(default_factory=dict)
    audited: dict[str, Any] = field(default_factory=dict)
    cookies: list[tuple[str, str]] = field(default_factory=list)

    @property
    def token(self) -> str:
        """What a form holds in its field `token`, and a script sends as X-Kuato-Token."""
        return self.people.sessions.token(self.browser)

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the ? of the address."""
        return request.args

    @property
    def form(self) -> Mapping[str, str]:
        """The fields of the form."""
        return request.form

    def chosen(self, name: str) -> list[str]:
        """Return all values of a field that can be given more than once."""
        return request.form.getlist(name)

    def may(self, role: Role | str) -> bool:
        """Whether the visitor has at least this role, or the role of this name."""
        return self.known and self.caller.role >= (Role.named(role) if isinstance(role, str) else role)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """Return a page made from a template."""
        text = render_template(template, visit=self, **values)
        return Response(text.encode("utf-8", "replace"), status, content_type="text/html; charset=utf-8")

    def json(self, value: Any, status: int = 200) -> Response:
        """Return an answer for a script."""
        text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        return Response(text, status, content_type="application/json")

    def go(self, endpoint: str, **values: Any) -> Response:
        """Send the visitor to another page, `NAME.HANDLER`."""
        return Response(b"", 303, {"Location": url_for(endpoint, **values)})

    def to(self, path: str) -> Response:
        """Send the visitor to a path of ours, as an address of ours names it without the prefix."""
        return Response(b"", 303, {"Location": request.script_root + path})

    def keep(self, name: str, value: str) -> None:
        """Let the browser keep a wish, such as the look of the pages, for a year."""
        self.cookies.append((name, value))

    def wish(self, name: str, choices: Iterable[str]) -> str:
        """Return a wish that the browser keeps, "" for none or one that cannot be."""
        given = request.cookies.get(name, "")
        return given if given in tuple(choices) else ""
