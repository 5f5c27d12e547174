"""Draws all samples anew: `python samples/draw.py`. What belongs together is written to ground_truth.json."""

import json
from pathlib import Path

import pages
from canvas import Canvas
from PIL import Image, ImageOps

HERE = Path(__file__).parent


def draw() -> dict[str, Image.Image]:
    """Return every sample by its path."""
    bank, mail, files = pages.marrowbridge(), pages.tinlark(), pages.ovalquay()
    market, drawing = pages.market(), pages.octopus()
    return {
        "baseline/marrowbridge-login.png": bank,
        "baseline/tinlark-login.png": mail,
        "baseline/ovalquay-login.png": files,
        "seen/market-listing.jpg": market,
        "seen/octopus-drawing.png": drawing,
        "seen/courier-news.webp": pages.news(),
        "ignore/blank.png": Image.new("RGB", (pages.WIDTH, pages.HEIGHT), "white"),
        "queries/marrowbridge-phishing-cookies.png": pages.marrowbridge(
            "Confirm your account", ("Customer number", "PIN"), "Confirm", ("Your account will be closed within 24 hours",), cookies=True
        ),
        "queries/marrowbridge-mirrored.jpg": ImageOps.mirror(bank),
        "queries/tinlark-phishing-warning.jpg": pages.tinlark(
            "Your mailbox is full", "Keep my mail", "", "Storage 99 %: verify within 12 hours"
        ),
        "queries/tinlark-half.webp": mail.reduce(2),
        "queries/ovalquay-phishing-text.webp": pages.ovalquay("A file waits for you", ("E-mail", "E-mail password"), "View document"),
        "queries/ovalquay-in-browser.png": in_browser(pages.ovalquay("Shared with you: invoice.pdf", action="Open")),
        "queries/market-photo.jpg": market.crop((283, 106, 553, 296)),
        "queries/octopus-crop.png": drawing.crop((330, 130, 830, 560)),
        "queries/octopus-forum-post.jpg": forum_post(drawing),
        "queries/lookalike-login.png": pages.lookalike(),
        "queries/skerry-weather.png": pages.weather(),
    }


TOGETHER = {  # the first is the one that the others were made from
    "marrowbridge": ("baseline/marrowbridge-login.png", "queries/marrowbridge-phishing-cookies.png", "queries/marrowbridge-mirrored.jpg"),
    "tinlark": ("baseline/tinlark-login.png", "queries/tinlark-phishing-warning.jpg", "queries/tinlark-half.webp"),
    "ovalquay": ("baseline/ovalquay-login.png", "queries/ovalquay-phishing-text.webp", "queries/ovalquay-in-browser.png"),
    "market": ("seen/market-listing.jpg", "queries/market-photo.jpg"),
    "octopus": ("seen/octopus-drawing.png", "queries/octopus-crop.png", "queries/octopus-forum-post.jpg"),
}
ALONE = ("seen/courier-news.webp", "ignore/blank.png", "queries/lookalike-login.png", "queries/skerry-weather.png")


def in_browser(page: Image.Image) -> Image.Image:
    window = Canvas(1366, 900, "#dee1e6")
    window.box((12, 10, 260, 46), "white", 8)
    window.text(60, 34, "Ovalquay | Sign in", 14)
    for n in range(3):
        window.disc(1290 + 26 * n, 24, 7, ("#9aa0a6", "#9aa0a6", "#d93025")[n])
    window.box((0, 44, 1366, 90), "white")
    window.box((140, 52, 1200, 82), "#f1f3f4", 15)
    window.text(164, 72, "https://ovalquay.files-share.example/login", 14, "#3c4043")
    picture = window.done()
    picture.paste(page, (43, 95))
    return picture


def forum_post(drawing: Image.Image) -> Image.Image:
    post = Canvas(1100, 800, "#eef0f2")
    post.card((150, 60, 950, 760), 10)
    post.disc(210, 122, 30, "#4f7cac")
    post.text(258, 116, "deepreader", 20, bold=0.3)
    post.text(258, 142, "yesterday, 23:14", 14, pages.GREY)
    post.text(190, 200, "Found this on the cover of the manual. Does anybody know", 18)
    post.text(190, 228, "who drew it?", 18)
    picture = post.done()
    picture.paste(drawing.resize((560, 426), Image.Resampling.LANCZOS), (270, 260))
    return picture


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".png":
        if path.parent.name != "ignore":
            image = image.quantize(256, dither=Image.Dither.NONE)
        image.save(path, optimize=True)
    else:
        image.save(path, quality=60 if "phishing" in path.name else 80)


def main() -> None:
    for name, image in draw().items():
        save(image, HERE / name)
    clusters = [
        {
            "id": name,
            "kind": "screenshot",
            "members": [
                {"file": Path(file).name, "variant": Path(file).stem, "difficulty": "medium" if n else "base"}
                for n, file in enumerate(files)
            ],
        }
        for name, files in TOGETHER.items()
    ]
    truth = {
        "set": "samples",
        "clusters": clusters,
        "distractors": [Path(file).name for file in ALONE],
        "hard_negatives": [],
        "ambiguous": [],
    }
    (HERE / "ground_truth.json").write_text(json.dumps(truth, indent=1) + "\n")


if __name__ == "__main__":
    main()
