"""What mkdocs does not do by itself: pages link to files of the project, which the site then holds, too."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
FOLDER = "project"
# A link out of docs/, as it is right in a checkout: ](../config/kuato.toml) or ](../README.md)
_OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave out of the navigation what there is not (yet): pages that come with measurements."""
    for section in config.nav or []:
        for name, pages in section.items():
            if isinstance(pages, list):
                section[name] = [page for page in pages if (ROOT / "docs" / page).exists()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that pages link to."""
    linked = {name for file in files.documentation_pages() for name in _OUTSIDE.findall(file.content_string)}
    for name in sorted(linked):
        path = ROOT / name
        for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if each.is_file():
                # A page of Markdown outside of docs/ is shown as it is written.
                target = f"{FOLDER}/{each.relative_to(ROOT)}".replace(".md", ".md.txt")
                files.append(File.generated(config, target, abs_src_path=str(each)))
    return files


def on_page_markdown(markdown: str, page: Any, **_rest: Any) -> str:  # noqa: ARG001 - mkdocs names it
    """Let links out of docs/ lead to these files."""
    return _OUTSIDE.sub(lambda found: f"]({FOLDER}/{found[1].replace('.md', '.md.txt')})", markdown)
