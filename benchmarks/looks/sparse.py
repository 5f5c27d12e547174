"""Pages that show next to nothing: blank ones, errors, a spinner, a line. What they share says nothing about who made them."""

from collections.abc import Mapping
from random import Random

from .words import LANGUAGES

COLOURS = ("#fff", "#fafafa", "#000", "#181a1f", "#f0f4f8", "#1e3a5f", "#7a1020", "#eee8d5", "#0f5132", "#808080")


def _document(css: str, body: str) -> str:
    return f"<!doctype html><meta charset=utf-8><style>body{{margin:8px;font-family:'Noto Serif','Noto Sans Arabic','Noto Sans CJK SC'}}{css}</style><body>{body}"


def _error(code: str, server: str) -> str:
    return _document("", f"<center><h1>{code}</h1></center><hr><center>{server}</center>")


def _spinner(random: Random, n: int) -> str:
    colour, size = f"hsl({random.randrange(360)} 70% 45%)", random.randint(30, 120)
    shape = (
        f"border:{max(3, size // 9)}px solid #ddd;border-top-color:{colour};border-radius:50%",
        f"border:{max(3, size // 7)}px dotted {colour};border-radius:50%",
        f"background:linear-gradient(90deg,{colour} {random.randint(20, 80)}%,#ddd 0);height:8px;width:{size * 3}px",
        f"background:{colour};border-radius:50%;box-shadow:{size + 12}px 0 {colour},-{size + 12}px 0 {colour};transform:scale(.3)",
    )[n % 4]
    ground = random.choice(("#fff", "#f5f5f5", "#101216"))
    return _document(f"body{{background:{ground};margin:0;height:100vh;display:flex;align-items:center;justify-content:center}}i{{width:{size}px;height:{size}px;{shape}}}", "<i></i>")


def sparse_pages(seed: int, each: int = 9) -> Mapping[str, list[str]]:
    """Return groups of pages, by what they show; within a group all are different. each: of a group, at most 9."""
    random = Random(f"{seed}/sparse")
    servers = ("nginx", "nginx/1.18.0 (Ubuntu)", "openresty", "Apache/2.4.57 (Debian) Server at host.example Port 443", "cloudfront", "lighttpd/1.4.69", "Microsoft-IIS/10.0", "Caddy", "envoy")
    codes = ("404 Not Found", "502 Bad Gateway", "403 Forbidden", "500 Internal Server Error", "503 Service Temporarily Unavailable", "504 Gateway Time-out", "410 Gone", "429 Too Many Requests", "400 Bad Request")
    pairs = random.sample([(code, server) for code in codes for server in servers], each)
    languages = list(LANGUAGES.values())
    lines = [languages[n % len(languages)].sentence(random, 2, 6) for n in range(each)]
    paragraphs = [languages[n % len(languages)] for n in range(each)]
    return {
        "blank": [_document(f"html{{background:{colour}}}", "") for colour in random.sample(COLOURS, min(each, len(COLOURS)))],
        "error": [_error(*pair) for pair in pairs],
        "spinner": [_spinner(random, n) for n in range(each)],
        "line": [_document(f"body{{font-size:{random.choice((14, 16, 20, 28))}px;{random.choice(('', 'text-align:center;margin-top:45vh;'))}}}", f"<p>{line}</p>") for line in lines],
        "text": [_document("p{max-width:70em}", "".join(f"<p>{language.text(random, random.randint(2, 7))}</p>" for _ in range(random.randint(1, 4)))) for language in paragraphs],
        "index": [
            _document("", f"<h1>Index of /{language.words(random, 1)}</h1><hr><pre>../\n" + "\n".join(f"{random.getrandbits(32):08x}.{random.choice(('zip', 'php', 'txt', 'sql'))}   {random.randint(1, 28):02}-Mar-2026 {random.randint(0, 23):02}:{random.randint(0, 59):02}   {random.randint(100, 10**8)}" for _ in range(random.randint(2, 12))) + "</pre><hr>")
            for language in [LANGUAGES["en"]] * each
        ],
    }
