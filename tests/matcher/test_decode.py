import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from matcher.decode import Limits, decode
from matcher.errors import DamagedPicture, NotAPicture, TooLarge
from tests.matcher.pictures import NOT_PICTURES, chunk, encoded, exif, header, icon, photo, rows, seen_as, with_chunk, zeros

LIMITS = Limits()
PHOTO = photo()
LIKE = 10.0  # what 256 colours or a JPEG may take away; another picture is 40 and more apart


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """The mean difference of two pictures' pixels, 0..255."""
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b).mean())


class TestFormats:
    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
    def test_lossless_formats_give_the_very_pixels(self, kind: str) -> None:
        picture = decode(encoded(PHOTO, kind), LIMITS)
        assert (picture.format, picture.size, picture.warnings) == (kind, (240, 180), ())
        assert np.array_equal(picture.pixels, PHOTO)

    @pytest.mark.parametrize(
        ("kind", "options"), [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("GIF", {}), ("JPEG", {"progressive": True})]
    )
    def test_lossy_formats_give_nearly_the_pixels(self, kind: str, options: dict[str, object]) -> None:
        assert apart(decode(encoded(PHOTO, kind, **options), LIMITS).pixels, PHOTO) < LIKE

    def test_webp_without_loss(self) -> None:
        assert np.array_equal(decode(encoded(PHOTO, "WEBP", lossless=True), LIMITS).pixels, PHOTO)

    @pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
    def test_compressed_tiff(self, compression: str) -> None:
        assert np.array_equal(decode(encoded(PHOTO, "TIFF", compression=compression), LIMITS).pixels, PHOTO)

    @pytest.mark.parametrize("bitmap_format", ["png", "bmp"])
    def test_icon(self, bitmap_format: str) -> None:
        picture = decode(encoded(photo(64, 64), "ICO", sizes=[(64, 64)], bitmap_format=bitmap_format), LIMITS)
        assert (picture.format, picture.size) == ("ICO", (64, 64))
        assert np.array_equal(picture.pixels, photo(64, 64))

    def test_an_icon_is_its_largest_picture(self) -> None:
        frames = [encoded(photo(size, size)) for size in (16, 48, 32)]
        assert decode(icon(frames, [16, 48, 32]), LIMITS).size == (48, 48)

    @pytest.mark.parametrize("what", NOT_PICTURES)
    def test_anything_else_is_refused_by_what_it_is(self, what: str) -> None:
        data, words = NOT_PICTURES[what]
        with pytest.raises(NotAPicture, match=rf"^letter\.png is {words}.*; Kuato reads PNG, JPEG, GIF, WebP, BMP, TIFF and ICO$"):
            decode(data, LIMITS, name="letter.png")

    @pytest.mark.parametrize("kind", ["PPM", "TGA", "JPEG2000", "ICNS", "PCX"])
    def test_a_format_that_pillow_knows_is_refused_unless_on_the_list(self, kind: str) -> None:
        with pytest.raises(NotAPicture):
            decode(encoded(photo(64, 64), kind), LIMITS)

    def test_data_after_the_end_changes_nothing(self) -> None:
        png, jpeg = encoded(PHOTO), encoded(PHOTO, "JPEG")
        for polyglot in (png + b"PK\x03\x04" + bytes(300), png + png):
            assert np.array_equal(decode(polyglot, LIMITS).pixels, PHOTO)
        assert np.array_equal(decode(jpeg + b"PK\x05\x06" + bytes(18), LIMITS).pixels, decode(jpeg, LIMITS).pixels)


class TestLimits:
    def test_bytes(self) -> None:
        with pytest.raises(TooLarge, match=r"page\.png has 0\.1 MB, the limit is 0\.0 \(picture\.max_bytes\)"):
            decode(bytes(100_000), Limits(max_bytes=1000), name="page.png")

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
    def test_pixels(self, kind: str) -> None:
        data = encoded(photo(400, 300), kind)
        assert decode(data, Limits(max_pixels=120_000)).size == (400, 300)
        with pytest.raises(TooLarge, match=r"0\.12 megapixels, the limit is 0\.1 \(picture\.max_pixels\)"):
            decode(data, Limits(max_pixels=100_000))

    def test_sides(self) -> None:
        assert decode(encoded(photo(300, 9000), "JPEG"), LIMITS).size == (300, 9000)
        with pytest.raises(TooLarge, match=r"a side of 9,000 pixels, the limit is 5,000 \(picture\.max_side\)"):
            decode(encoded(photo(300, 9000), "JPEG"), Limits(max_side=5000))

    @pytest.mark.parametrize("side", [12_000, 30_000, 60_000, 2_147_483_647])
    def test_a_bomb_is_refused_by_its_header(self, side: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(TooLarge, match="picture.max_"):
                decode(header(side, side, 1) + chunk(b"IDAT", zeros(5000)) + chunk(b"IEND"), LIMITS)

    def test_a_bomb_within_an_icon(self) -> None:
        with pytest.raises(TooLarge):
            decode(icon([header(8000, 8000, 1) + chunk(b"IDAT", zeros(100)) + chunk(b"IEND")], [256]), LIMITS)

    def test_an_icon_whose_bitmap_lies_about_its_size(self) -> None:
        bitmap = struct.pack("<IiiHHIIiiII", 40, 20_000, 40_000, 1, 32, 0, 0, 0, 0, 0, 0) + bytes(100)
        with pytest.raises(TooLarge):
            decode(struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(bitmap), 22) + bitmap, LIMITS)

    def test_a_webp_that_claims_a_huge_canvas(self) -> None:
        canvas = struct.pack("<I", 16_000 - 1)[:3]
        body = b"WEBPVP8X" + struct.pack("<II", 10, 0) + canvas + canvas
        with pytest.raises(TooLarge, match="256 megapixels"):
            decode(b"RIFF" + struct.pack("<I", len(body)) + body, LIMITS)


class TestNormalForm:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
    def test_grey_stays_one_channel(self, kind: str) -> None:
        assert decode(encoded(PHOTO[..., 0], kind), LIMITS).pixels.shape == (180, 240)

    def test_one_bit(self) -> None:
        picture = decode(encoded(Image.fromarray(PHOTO).convert("1")), LIMITS)
        assert picture.pixels.ndim == 2 and set(np.unique(picture.pixels)) == {0, 255}

    def test_sixteen_bit_grey_is_scaled(self) -> None:
        deep = (PHOTO[..., 0].astype(np.uint16) << 8) | 0x55
        for kind in ("PNG", "TIFF"):
            assert np.array_equal(decode(encoded(deep, kind), LIMITS).pixels, PHOTO[..., 0])

    def test_sixteen_bit_colour_is_scaled(self) -> None:
        samples = (PHOTO[:80, :100].astype(">u2") << 8).astype(">u2")
        raw = b"".join(b"\0" + row.tobytes() for row in samples)
        data = header(100, 80, 16, 2) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND")
        assert np.array_equal(decode(data, LIMITS).pixels, PHOTO[:80, :100])

    @pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
    def test_float_tiff_is_scaled_and_says_so(self, white: float) -> None:
        values = PHOTO[..., 0].astype(np.float32) * (white / 255)
        picture = decode(encoded(values, "TIFF"), LIMITS)
        assert apart(picture.pixels, PHOTO[..., 0]) < 1
        assert "float32" in picture.warnings[0]

    @pytest.mark.parametrize("value", [-1e30, -5.0, 1e10])
    def test_float_tiff_of_one_value(self, value: float) -> None:
        picture = decode(encoded(np.full((20, 30), value, np.float32), "TIFF"), LIMITS)
        assert len(np.unique(picture.pixels)) == 1

    def test_float_tiff_with_no_numbers_in_it(self) -> None:
        values = np.full((20, 30), np.nan, np.float32)
        assert decode(encoded(values, "TIFF"), LIMITS).pixels.max() == 0

    def test_cmyk(self) -> None:
        for kind in ("JPEG", "TIFF"):
            assert apart(decode(encoded(Image.fromarray(PHOTO).convert("CMYK"), kind), LIMITS).pixels, PHOTO) < 4

    def test_alpha_is_laid_on_white(self) -> None:
        clear = np.dstack([PHOTO, np.full(PHOTO.shape[:2], 255, np.uint8)])
        clear[:, :120, 3] = 0
        clear[:90, :, 3] //= 2
        picture = decode(encoded(clear), LIMITS)
        assert (picture.pixels[90:, :120] == 255).all()
        assert np.array_equal(picture.pixels[90:, 120:], PHOTO[90:, 120:])
        assert apart(picture.pixels[:90, 120:], (PHOTO[:90, 120:].astype(int) + 255) // 2) <= 1

    def test_opaque_alpha_leaves_the_very_pixels(self) -> None:
        assert np.array_equal(decode(encoded(np.dstack([PHOTO, np.full(PHOTO.shape[:2], 255, np.uint8)])), LIMITS).pixels, PHOTO)

    def test_grey_with_alpha_stays_one_channel(self) -> None:
        clear = Image.merge("LA", [Image.fromarray(PHOTO[..., 0]), Image.new("L", (240, 180), 0)])
        picture = decode(encoded(clear), LIMITS)
        assert picture.pixels.shape == (180, 240) and (picture.pixels == 255).all()

    def test_a_transparent_colour_is_white(self) -> None:
        square = np.zeros((10, 10, 3), np.uint8)
        square[:, :5] = (10, 20, 30)
        assert (decode(encoded(square, transparency=(10, 20, 30)), LIMITS).pixels[:, :5] == 255).all()
        assert (decode(encoded(square[..., 0], transparency=10), LIMITS).pixels[:, :5] == 255).all()

    def test_a_transparent_grey_of_sixteen_bits_is_white(self) -> None:
        data = encoded(np.array([[0, 500], [40_000, 65_535]], np.uint16))
        assert decode(with_chunk(data, chunk(b"tRNS", struct.pack(">H", 500))), LIMITS).pixels.tolist() == [[0, 255], [156, 255]]

    def test_palettes(self) -> None:
        drawn = Image.fromarray(PHOTO).quantize(32)
        assert np.array_equal(decode(encoded(drawn), LIMITS).pixels, np.asarray(drawn.convert("RGB")))
        assert (decode(encoded(drawn, transparency=bytes(256)), LIMITS).pixels == 255).all()
        one = decode(encoded(drawn, "GIF", transparency=3), LIMITS).pixels
        assert (one[np.asarray(drawn) == 3] == 255).all()

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
    def test_first_frame_only(self, kind: str) -> None:
        frames = [Image.fromarray(photo(seed=seed)) for seed in (7, 8, 9)]
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert apart(decode(data, LIMITS).pixels, PHOTO) < LIKE

    def test_first_picture_of_a_stereo_photo(self) -> None:
        data = encoded(Image.fromarray(PHOTO), "MPO", save_all=True, append_images=[Image.fromarray(photo(seed=8))])
        picture = decode(data, LIMITS)
        assert picture.format == "JPEG" and apart(picture.pixels, PHOTO) < LIKE

    def test_broken_animation_does_not_spoil_the_default_picture(self) -> None:
        data = with_chunk(encoded(PHOTO), chunk(b"acTL", struct.pack(">II", 3, 0)) + chunk(b"fcTL", bytes(26)))
        assert np.array_equal(decode(data, LIMITS).pixels, PHOTO)

    @pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1"])
    def test_large_pictures_come_out_as_small_ones_do(self, mode: str) -> None:
        tile = Image.fromarray(np.dstack([photo(1000, 500), photo(1000, 500, seed=8)[..., 0]])).convert("RGB" if mode == "P" else mode)
        tile = tile.quantize(16) if mode == "P" else tile
        wide = tile.resize((1000, 5500))
        for row in range(11):
            wide.paste(tile, (0, 500 * row))
        pixels = decode(encoded(wide, compress_level=1), LIMITS).pixels
        assert np.array_equal(pixels.reshape(11, 500, *pixels.shape[1:])[10], decode(encoded(tile), LIMITS).pixels)
        assert np.array_equal(pixels[:500], pixels[3500:4000])

    def test_extreme_shapes(self) -> None:
        for width, height in ((1, 1), (1, 5000), (5000, 1), (2, 2)):
            assert decode(encoded(np.zeros((height, width, 3), np.uint8)), LIMITS).size == (width, height)


class TestTurning:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
    def test_all_eight_orientations_show_the_same_picture(self, kind: str, orientation: int) -> None:
        options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
        picture = decode(encoded(seen_as(PHOTO, orientation), kind, exif=exif(orientation), **options), LIMITS)
        assert picture.size == (240, 180)
        assert apart(picture.pixels, PHOTO) < LIKE

    def test_size_is_that_of_the_turned_file_even_when_reduced(self) -> None:
        data = encoded(seen_as(photo(3000, 2100), 6), "JPEG", exif=exif(6))
        picture = decode(data, LIMITS)
        assert picture.size == (3000, 2100) and picture.pixels.shape == (1050, 1500, 3)

    @pytest.mark.parametrize("garbage", [exif(99), exif(0), b"Exif\0\0garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", bytes(60_000)])
    def test_an_orientation_that_makes_no_sense_is_ignored(self, garbage: bytes) -> None:
        assert apart(decode(encoded(PHOTO, "JPEG", quality=95, exif=garbage), LIMITS).pixels, PHOTO) < LIKE


class TestReducedJPEG:
    def test_a_large_jpeg_is_decoded_at_a_scale_that_keeps_1024_pixels(self) -> None:
        data = encoded(photo(4400, 3000), "JPEG", quality=95)
        reduced, full = decode(data, LIMITS), decode(data, LIMITS, full=True)
        assert reduced.size == full.size == (4400, 3000)
        assert full.pixels.shape == (3000, 4400, 3)
        assert reduced.pixels.shape == (750, 1100, 3)
        assert apart(reduced.rgb(500), full.rgb(500)) < 3

    @pytest.mark.parametrize(("width", "height", "scale"), [(2047, 1500, 1), (2048, 1536, 2), (1200, 20_000, 4), (300, 9000, 1)])
    def test_neither_side_gets_too_small(self, width: int, height: int, scale: int) -> None:
        picture = decode(encoded(np.full((height, width), 200, np.uint8), "JPEG"), LIMITS)
        assert picture.pixels.shape == (height // scale, width // scale)


class TestDamage:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO"])
    @pytest.mark.parametrize("share", [0.002, 0.05, 0.5, 0.9])
    def test_a_truncated_file_is_refused(self, kind: str, share: float) -> None:
        data = encoded(photo(200, 200), kind)
        with pytest.raises(DamagedPicture, match=f"^shot is a damaged {kind} file|^shot is a Windows icon without"):
            decode(data[: max(9, int(len(data) * share))], LIMITS, name="shot")

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    def test_the_message_says_truncated(self, kind: str) -> None:
        data = encoded(PHOTO, kind)
        with pytest.raises(DamagedPicture, match="image is truncated"):
            decode(data[: len(data) // 2], LIMITS)

    @pytest.mark.parametrize("missing", [1, 2, 5])
    @pytest.mark.parametrize("size", [(240, 180), (2400, 1800)])
    def test_a_jpeg_without_its_end_is_accepted_but_not_silently(self, missing: int, size: tuple[int, int]) -> None:
        data = encoded(photo(*size), "JPEG", quality=95)
        picture = decode(data[:-missing], LIMITS)
        assert picture.warnings == ("the end of the JPEG file is missing",)
        assert apart(picture.pixels, decode(data, LIMITS).pixels) < 4

    def test_a_png_without_its_end_chunk_is_accepted(self) -> None:
        assert np.array_equal(decode(encoded(PHOTO)[:-12], LIMITS).pixels, PHOTO)

    def test_no_pixels(self) -> None:
        for broken in (
            header(0, 10) + chunk(b"IDAT", zeros(10)) + chunk(b"IEND"),
            header(10, 10),
            header(10, 10) + chunk(b"IEND"),
            header(10, 10, 5, 7) + chunk(b"IDAT", zeros(100)) + chunk(b"IEND"),
            b"GIF89a" + bytes(20),
            b"\0\0\1\0\xff\xff" + bytes(40),
            b"II*\0\x08\0\0\0\xff\xff" + bytes(100),
        ):
            with pytest.raises(DamagedPicture):
                decode(broken, LIMITS)

    def test_broken_checksum_and_broken_stream(self) -> None:
        data = bytearray(encoded(PHOTO))
        data[30] ^= 1
        with pytest.raises(DamagedPicture):
            decode(bytes(data), LIMITS)
        data = bytearray(encoded(PHOTO))
        data[60:90] = bytes(30)
        with pytest.raises(DamagedPicture):
            decode(bytes(data), LIMITS)

    def test_no_garbage_makes_anything_but_a_refusal(self) -> None:
        chance = np.random.default_rng(3)
        for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO"):
            whole = encoded(photo(48, 48), kind)
            for _ in range(60):
                data = bytearray(whole)
                for position in chance.integers(0, min(len(data), 400), 4):
                    data[position] = chance.integers(256)
                try:
                    picture = decode(bytes(data), LIMITS)
                except (DamagedPicture, NotAPicture, TooLarge):
                    continue
                assert picture.pixels.dtype == np.uint8 and picture.pixels.ndim in (2, 3)


class TestBaggage:
    """What a file carries besides pixels is neither read nor unpacked."""

    @pytest.mark.parametrize(
        "baggage",
        [
            chunk(b"zTXt", b"Comment\0\0" + zeros(64 << 20)),
            chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros(64 << 20)),
            chunk(b"iCCP", b"icc\0\0" + zeros(64 << 20)),
            chunk(b"iCCP", b"icc\0\0broken"),
            chunk(b"iCCP", b"icc\0\7unknown compression"),
            chunk(b"tEXt", b"Comment\0" + b"x" * 200_000),
            chunk(b"gAMA", b"1"),
            chunk(b"prVt", bytes(1000)) * 1000,
        ],
        ids=["text bomb", "other text bomb", "profile bomb", "broken profile", "odd profile", "long text", "short gamma", "many chunks"],
    )
    def test_png(self, baggage: bytes) -> None:
        plain = encoded(PHOTO)
        for data in (with_chunk(plain, baggage), plain[:-12] + baggage + plain[-12:]):
            picture = decode(data, LIMITS)
            assert np.array_equal(picture.pixels, PHOTO) and picture.data is data

    def test_broken_profile_in_a_jpeg(self) -> None:
        assert apart(decode(encoded(PHOTO, "JPEG", quality=95, icc_profile=b"broken"), LIMITS).pixels, PHOTO) < LIKE

    def test_a_chunk_that_runs_past_the_end(self) -> None:
        with pytest.raises(DamagedPicture):
            decode(with_chunk(encoded(PHOTO), struct.pack(">I4s", 0x7FFFFFFF, b"tEXt")), LIMITS)


def test_pillows_settings_are_left_alone() -> None:
    from PIL import ImageFile

    decode(encoded(PHOTO, "JPEG")[:-2], LIMITS)
    assert Image.MAX_IMAGE_PIXELS == 89_478_485
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_bars_of_one_colour_from_rows() -> None:
    picture = decode(header(16, 9) + chunk(b"IDAT", rows(16, 9, 130)) + chunk(b"IEND"), LIMITS)
    assert (picture.pixels == 130).all()
