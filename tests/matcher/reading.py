"""What tests of text need: pictures of sentences in several scripts, and the program that reads them where it is."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from matcher.decode import Limits, decode
from matcher.picture import Picture, Pixels
from tests.matcher.fingerprints.drawn import saved

SENTENCES = {
    "eng": "Please confirm your account at Harborline Bank today",
    "rus": "Пожалуйста подтвердите ваш аккаунт сегодня",
    "ara": "يرجى تأكيد حسابك اليوم",
    "chi_sim": "请立即确认您的银行账户信息",
}
_FONTS = {"chi_sim": ("wqy-microhei.ttc", "wqy-zenhei.ttc", "NotoSansCJK-Regular.ttc")}


@cache
def languages() -> frozenset[str]:
    """Return the languages that Tesseract knows here, none without it."""
    if shutil.which("tesseract") is None:
        return frozenset()
    return frozenset(subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=True).stdout.splitlines()[1:])


def needs(*some: str) -> None:
    """Skip a test where these languages cannot be read."""
    missing = [language for language in some if language not in languages()]
    if missing:
        packages = " ".join(f"tesseract-ocr-{language.replace('_', '-')}" for language in missing)
        pytest.skip(f"needs Tesseract with {', '.join(missing)} (Debian: {packages})")


def font(language: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font that has the letters of a language; skip a test where there is none."""
    names = _FONTS.get(language, ("DejaVuSans.ttf",))
    for name in names:
        found = next(Path("/usr/share/fonts").rglob(name), None)
        if found:
            return ImageFont.truetype(found, size)
    pytest.skip(f"needs one of the fonts {', '.join(names)} (Debian: fonts-dejavu-core, fonts-wqy-microhei)")


def written(text: str, language: str = "eng", size: int = 24, paper: str = "white", ink: str = "black") -> bytes:
    """Return a PNG file with lines of text."""
    face, lines = font(language, size), text.split("\n")
    width = max(int(face.getlength(line)) for line in lines)
    image = Image.new("RGB", (width + 80, int(len(lines) * size * 1.6) + 60), paper)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((40, 30 + number * size * 1.6), line, font=face, fill=ink)
    return saved(image)


def pixels_of(data: bytes) -> Pixels:
    """Return the pixels of a file, uint8 (height, width, 3)."""
    return picture_of(data).rgb()


def picture_of(data: bytes) -> Picture:
    """Return a file as a picture."""
    return decode(data, Limits(), full=True)
