"""Pages as a crawler sees them, drawn."""

from PIL import Image, ImageDraw

from tests.matcher.pictures import encoded


def page(seed: int, size: tuple[int, int] = (640, 480), mark: int = 0) -> Image.Image:
    """Return a drawn page; another seed is another page, another mark the same page at another time."""
    image = Image.new("RGB", size, (245, 246, 250))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size[0], 60), fill=(20 + seed * 37 % 200, 60 + seed * 11 % 120, 140))
    for i in range(24):
        x, y = (i * 211 + seed * 97 + seed * seed * 13) % (size[0] - 120), 80 + (i * 173 + seed * 131) % (size[1] - 150)
        colour = ((i * 53 + seed * 29) % 255, (i * 91 + seed * 61) % 255, (i * 17 + seed * 83) % 255)
        (draw.ellipse if (i * 7 + seed) % 3 else draw.rectangle)(
            (x, y, x + 40 + i * 5, y + 30 + (i * 2 + seed) % 40), fill=colour, outline="black"
        )
        draw.text((x, y - 12), f"field {i} of page {seed}", fill="black")
    draw.text((size[0] - 90, size[1] - 14), f"hits: {mark:06d}", fill="grey")
    return image


def png(image: Image.Image) -> bytes:
    return encoded(image)


def jpeg(image: Image.Image, quality: int = 60) -> bytes:
    return encoded(image, "JPEG", quality=quality)


def long_gif(frames: int = 10_000) -> bytes:
    """Return an animation of so many frames, few bytes each."""
    head = b"GIF89a" + (320).to_bytes(2, "little") + (240).to_bytes(2, "little") + b"\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    one = b"\x21\xf9\x04\x00\x0a\x00\x00\x00\x2c" + bytes(4) + b"\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
    return head + one * frames + b"\x3b"
