"""Every picture a camera, a colleague or a full disk may have made: read right, or refused in one line."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from xai_compare.errors import InputError
from xai_compare.images import read_image

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
SMOOTH = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)[..., None].repeat(3, 2)


def saved(path: Path, values: np.ndarray, mode: str | None = None, **options: object) -> Path:
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".webp", ".ppm"])
def test_lossless_pictures_come_back_as_they_are(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / f"a{suffix}", RGB, **({"lossless": True} if suffix == ".webp" else {}))
    read = read_image(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, RGB)


def test_the_format_is_read_from_the_content_not_the_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", RGB)
    np.testing.assert_array_equal(read_image(path.rename(tmp_path / "a.jpg")), RGB)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_black_and_white(tmp_path: Path, mode: str) -> None:
    read = read_image(saved(tmp_path / "a.png", RGB, mode))
    expected = np.asarray(Image.fromarray(RGB).convert(mode).convert("L"))
    np.testing.assert_array_equal(read, expected[..., None].repeat(3, 2))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_keeps_its_range(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 257, 128], [32768, 65535, 65278]], np.uint16)
    read = read_image(saved(tmp_path / f"a{suffix}", values))
    np.testing.assert_array_equal(read[..., 0], np.round(values / 257))
    assert (read[..., :1] == read).all()


def png16_rgb(path: Path, values: np.ndarray) -> Path:
    """A 16-bit RGB PNG, which Pillow itself cannot write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def test_16_bit_rgb(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (5, 4, 3))
    read = read_image(png16_rgb(tmp_path / "a.png", values))
    assert np.abs(read - values / 257).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_black(tmp_path: Path, mode: str) -> None:
    grey = np.full((2, 3), 200, np.uint8)
    alpha = np.array([[255, 128, 0], [255, 0, 0]], np.uint8)
    layers = [grey] * (len(mode) - 1) + [alpha]
    saved(tmp_path / "a.png", np.stack(layers, -1))
    read = read_image(tmp_path / "a.png")
    np.testing.assert_allclose(read[..., 0], 200.0 * alpha / 255, atol=1)
    assert (read[..., :1] == read).all()


def test_palette_with_and_without_transparency(tmp_path: Path) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    image = Image.frombytes("P", (3, 2), indices.tobytes())
    image.putpalette(colours.ravel().tolist())
    image.save(tmp_path / "plain.png")
    np.testing.assert_array_equal(read_image(tmp_path / "plain.png"), colours[indices])
    image.save(tmp_path / "clear.png", transparency=1)
    expected = colours[indices] * (indices != 1)[..., None]
    np.testing.assert_array_equal(read_image(tmp_path / "clear.png"), expected)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk(tmp_path: Path, suffix: str) -> None:
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[:, :8, 0], ink[:, 8:, 3] = 255, 255
    Image.fromarray(ink, "CMYK").save(tmp_path / f"a{suffix}", **({"quality": 100} if suffix == ".jpg" else {}))
    read = read_image(tmp_path / f"a{suffix}").astype(int)
    assert np.abs(read[:, 1:7] - (0, 255, 255)).max() < 12
    assert np.abs(read[:, 9:15]).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_exif_orientations(tmp_path: Path, orientation: int) -> None:
    upright = SMOOTH.copy()
    upright[:20, :10] = 255
    transpose = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    stored = np.ascontiguousarray(transpose[orientation](upright))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), upright)


def test_an_animation_gives_its_first_picture(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (read_image(tmp_path / "a.gif") == (255, 0, 0)).all()


def test_one_pixel(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_image(saved(tmp_path / "a.png", RGB[:1, :1])), RGB[:1, :1])


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is huge, in a few bytes."""
    buffer = io.BytesIO()
    Image.new("1", (8, 8)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def jpeg(values: np.ndarray = SMOOTH) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG")
    return buffer.getvalue()


def png(values: np.ndarray = SMOOTH) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def avif() -> bytes:
    buffer = io.BytesIO()
    if not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    Image.fromarray(SMOOTH).save(buffer, "AVIF")
    return buffer.getvalue()


def float_tiff() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)).save(buffer, "TIFF")
    return buffer.getvalue()


def wide_tiff(low: int, high: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.array([[low, high]], np.int32)).save(buffer, "TIFF")
    return buffer.getvalue()


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "zero bytes": (lambda: b"", "empty"),
    "text": (lambda: b"this is no picture, whatever its name says", "not a picture"),
    "noise": (lambda: np.random.default_rng(0).bytes(5000), "not a picture"),
    "a PNG's signature alone": (lambda: b"\x89PNG\r\n\x1a\n", "picture"),
    "half a JPEG": (lambda: jpeg()[: len(jpeg()) // 2], "cannot be decoded"),
    "half a PNG": (lambda: png()[: len(png()) // 2], "cannot be decoded"),
    "a PNG of broken bytes": (lambda: png()[:60] + b"\0" * 40 + png()[100:], "cannot be decoded"),
    "20,000 x 20,000": (lambda: bomb(20_000, 20_000), "more than 64,000,000 pixels"),
    "just too large": (lambda: bomb(8001, 8001), "8001 x 8001"),
    "a very large bomb": (lambda: bomb(2_000_000, 2_000_000), "more than"),
    "floating point": (float_tiff, "floating-point"),
    "negative integers": (lambda: wide_tiff(-1, 5), "outside 0..65535"),
    "32-bit integers": (lambda: wide_tiff(0, 70_000), "outside 0..65535"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_pictures_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jpg"
    make, message = BAD[kind]
    path.write_bytes(make())
    with pytest.raises(InputError, match=message) as error:
        read_image(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_absent_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(InputError, match="no such file"):
            read_image(path)


def test_the_limit_can_be_set(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", RGB)
    assert read_image(path, max_pixels=54).shape == RGB.shape
    with pytest.raises(InputError, match="9 x 6, more than 53 pixels"):
        read_image(path, max_pixels=53)


def test_pillows_own_limit_is_told_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    path = saved(tmp_path / "a.png", RGB)
    with pytest.raises(InputError, match="more than 40 pixels"):
        read_image(path, max_pixels=1000)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("encode", [jpeg, png, float_tiff, avif], ids=["jpeg", "png", "tiff", "avif"])
def test_random_damage_never_escapes_as_another_error(tmp_path: Path, encode: Callable[[], bytes]) -> None:
    whole, rng = encode(), np.random.default_rng(0)
    path = tmp_path / "a.bin"
    for _ in range(150):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 12)):
            broken[place] = rng.integers(0, 256)
        path.write_bytes(bytes(broken[: rng.integers(1, len(whole) + 1)]))
        with contextlib.suppress(InputError):
            read = read_image(path)
            assert read.dtype == np.uint8
            assert read.shape[2] == 3


def test_broken_exif_does_not_hide_the_picture(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "PNG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)
