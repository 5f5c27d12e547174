"""Brings the translations of the pages up to date: `python docs/translate.py`.

What is new in templates, scripts and Python is added to matcher/ui/translations/*.po without a translation, what is gone is taken out.
"""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

UI = Path(__file__).parent.parent / "matcher" / "ui"
METHODS = [
    ("static/vendor/**", "ignore"),
    ("**.py", "python"),
    ("templates/**.html", "jinja2.ext:babel_extract"),
    ("static/**.js", "javascript"),
]
OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None, "t": None}


def extracted() -> Catalog:
    """Return all texts that the pages show, in English."""
    catalog = Catalog(project="Kuato")
    found = extract_from_dir(UI, METHODS, OPTIONS, KEYWORDS, comment_tags=("translators:",))
    for file, _, message, comments, context in found:
        catalog.add(message, None, [(file, 1)], auto_comments=comments, context=context)
    return catalog


def translated(path: Path) -> Catalog:
    """Return the translation in a file, brought up to date; nothing is guessed."""
    with path.open("rb") as stream:
        known = read_po(stream, locale=path.stem)
    made = known.creation_date
    known.update(extracted(), no_fuzzy_matching=True)
    known.obsolete.clear()
    known.creation_date = made  # so that the file changes only where a text does
    return known


def main() -> None:
    """Write the files."""
    for path in sorted((UI / "translations").glob("*.po")):
        catalog = translated(path)
        with path.open("wb") as stream:
            write_po(stream, catalog, width=120, sort_output=True, include_lineno=False)
        missing = sum(not message.string for message in catalog if message.id)
        print(f"{path.name}: {len(catalog)} texts, {missing} to translate")


if __name__ == "__main__":
    main()
