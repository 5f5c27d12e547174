"""The words of the pages in the languages there are: English in the source, others in translations/LANGUAGE.po (gettext).

Read from the text form when the server starts, so that nothing needs to be compiled.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from gettext import c2py
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

SOURCE = "en"
FOLDER = Path(__file__).parent / "translations"


def N_(text: str) -> str:  # noqa: N802 - what gettext looks for
    """Mark a text that is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Words:
    """One language.

    messages: English -> translated. scripted: what JavaScript needs of them. plurals: English singular -> forms, of which `form`
    tells the one for a number.
    """

    locale: Locale
    messages: Mapping[str, str] = field(default_factory=dict)
    plurals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scripted: Mapping[str, str] = field(default_factory=dict)
    form: Callable[[int], int] = lambda count: int(count != 1)

    @property
    def language(self) -> str:
        """The language as HTML names it."""
        return str(self.locale.language)

    @property
    def name(self) -> str:
        """The language as its speakers name it."""
        return str(self.locale.get_display_name() or self.locale).capitalize()

    @property
    def direction(self) -> str:
        """Where its lines run: "ltr" or "rtl"."""
        return str(self.locale.text_direction)

    def gettext(self, text: str) -> str:
        """Return the text in this language, itself where it is not translated."""
        return self.messages.get(text) or text

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Return the form for a number of things."""
        forms = self.plurals.get(one)
        return forms[self.form(count)] if forms else one if count == 1 else many

    def moment(self, seconds: float) -> str:
        """Return a time, in seconds since the epoch, as people write it, in UTC."""
        return format_datetime(datetime.fromtimestamp(seconds, timezone.utc), "medium", locale=self.locale)

    def day(self, seconds: float) -> str:
        """Return a day, by seconds since the epoch, as people write it, in UTC."""
        return format_date(datetime.fromtimestamp(seconds, timezone.utc), "medium", locale=self.locale)

    def ago(self, seconds: float) -> str:
        """Return so many seconds ago in words."""
        return format_timedelta(timedelta(seconds=-seconds), locale=self.locale, add_direction=True)

    def number(self, value: float) -> str:
        """Return a number as people write it."""
        return format_decimal(value, locale=self.locale)


def all_words(folder: Path = FOLDER) -> dict[str, Words]:
    """Return every language there is, English first."""
    found = {SOURCE: Words(Locale(SOURCE))}
    for path in sorted(folder.glob("*.po")):
        with path.open("rb") as stream:
            catalog = read_po(stream, locale=path.stem)
        messages, plurals, scripted = dict[str, str](), dict[str, tuple[str, ...]](), dict[str, str]()
        for message in catalog:
            if not message.id or message.fuzzy or not message.string:
                continue
            if isinstance(message.id, str):
                messages[message.id] = str(message.string)
                if any(place.endswith(".js") for place, _ in message.locations):
                    scripted[message.id] = str(message.string)
            else:
                plurals[message.id[0]] = tuple(map(str, message.string))
        found[path.stem] = Words(Locale.parse(path.stem), messages, plurals, scripted, c2py(catalog.plural_expr))
    return found


def chosen(languages: Mapping[str, Words], wish: str, accepted: Iterable[str]) -> Words:
    """Return the words of the language that somebody wished for, else of the first one there is that their browser accepts."""
    for tag in (wish, *accepted):
        if (found := languages.get(tag.replace("-", "_").partition("_")[0])) is not None:
            return found
    return languages[SOURCE]
