"""JSON from outside: parsed strictly, each member taken by its type, none left over."""

import json
from typing import Any, NoReturn

# Whole numbers beyond this lose digits in other programs; no field of ours has larger ones.
LARGEST = (1 << 53) - 1
_SHOWN = 60


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def parse(text: bytes | str) -> Any:
    """Return the JSON document. Raises ValueError, also for NaN, infinities, what is nested too deeply and endless numbers."""
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON at character {error.pos + 1} ({error.msg})") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def shown(value: object) -> str:
    """Return a value from outside as a message may quote it."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


class Fields:
    """The members of one object; each is asked for once, `end` refuses what nobody asked for. All raise ValueError.

    what: the object in messages, such as "picture".
    """

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{what} is {shown(value)}, not an object")
        self._left = dict(value)
        self._what = what

    def take(self, name: str) -> Any:
        """Return a member of any type."""
        try:
            return self._left.pop(name)
        except KeyError:
            raise ValueError(f"{self._what} has no {name!r}") from None

    def has(self, name: str) -> bool:
        """Whether there is such a member, not taken yet."""
        return name in self._left

    def text(self, name: str, least: int = 0, most: int = LARGEST) -> str:
        """Return a text of `least` to `most` characters."""
        value = self.take(name)
        if not isinstance(value, str):
            self._fail(name, value, "a text")
        if not least <= len(value) <= most:
            self._fail(name, value, f"a text of {least} to {most} characters")
        return value

    def whole(self, name: str, least: int, most: int) -> int:
        """Return a whole number."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self._fail(name, value, f"a whole number from {least} to {most}")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self.take(name)
        if not isinstance(value, bool):
            self._fail(name, value, "true or false")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, none of them twice."""
        value = self.many(name)
        if not all(isinstance(one, str) for one in value) or len(set(value)) < len(value):
            self._fail(name, value, "a list of different texts")
        return tuple(value)

    def many(self, name: str) -> list[Any]:
        """Return a list."""
        value = self.take(name)
        if not isinstance(value, list):
            self._fail(name, value, "a list")
        return value

    def members(self, name: str) -> dict[str, Any]:
        """Return an object."""
        value = self.take(name)
        if not isinstance(value, dict):
            self._fail(name, value, "an object")
        return value

    def end(self) -> None:
        """See that nothing is left."""
        if self._left:
            raise ValueError(f"{self._what} has {next(iter(self._left))!r}, which is unknown")

    def _fail(self, name: str, value: object, wanted: str) -> NoReturn:
        raise ValueError(f"{self._what}: {name} is {shown(value)}, not {wanted}")
