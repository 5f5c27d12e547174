"""`make docs`: every page is built, every link leads somewhere, and nothing is loaded from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there_and_can_be_found(site: Path) -> None:
    menu = (site / "index.html").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file()
        assert f'href="{page.stem}.html"' in menu or page.stem == "index", page.name


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text()
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"?([^\" >]+)", text)
        loaded += [link for link in re.findall(r"<link\s[^>]*>", text) if "canonical" not in link and "//" in link]
        assert [each for each in loaded if "//" in each] == [], page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet.name


def test_files_of_the_project_that_pages_link_to_come_along(site: Path) -> None:
    assert (site / "project" / "config" / "ail" / "modules.cfg").read_bytes() == (ROOT / "config" / "ail" / "modules.cfg").read_bytes()
    linked = re.findall(r'href="(project/[^"#]+)"', "".join(page.read_text() for page in site.glob("*.html")))
    assert linked
    assert [name for name in linked if not (site / unquote(name)).exists()] == []
