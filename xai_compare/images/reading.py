"""One way to read a picture, whatever a camera or a colleague made of it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from xai_compare.errors import InputError

MAX_PIXELS = 64_000_000
"""Pictures with more pixels are refused before they are decoded; Pillow itself stops at 178,956,970."""


def read_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture as uint8 ``(h, w, 3)`` RGB, upright.

    EXIF rotation is applied; 16-bit grey is scaled by 1/257; transparency is laid on black; CMYK, palette and grey
    become RGB.

    Raises:
        InputError: if the file is missing, empty, truncated, no picture, of floating-point pixels, or has more than
            ``max_pixels`` pixels.
    """
    path = Path(path)
    try:
        there = path.is_file()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", where=path) from None
    if not there:
        raise InputError("no such file", where=path)
    if path.stat().st_size == 0:
        raise InputError("the file is empty (0 bytes)", where=path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # What Pillow grumbles about and still reads is read.
            with Image.open(path) as image:
                _refuse(image, path, max_pixels)
                return np.array(_rgb(ImageOps.exif_transpose(image), path))
    except UnidentifiedImageError:
        raise InputError("not a picture in a known format", where=path) from None
    except Image.DecompressionBombError:
        limit = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
        raise InputError(f"the picture has more than {limit:,} pixels", where=path, hint="make it smaller") from None
    except InputError:
        raise
    except Exception as error:  # A damaged file makes decoders raise whatever they like, AttributeError included.
        raise InputError(f"the picture cannot be decoded ({error})", where=path) from None


def _refuse(image: Image.Image, path: Path, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise InputError(
            f"the picture is {width} x {height}, more than {max_pixels:,} pixels", where=path, hint="make it smaller"
        )


def _rgb(image: Image.Image, path: Path) -> Image.Image:
    if image.mode == "F":
        raise InputError("floating-point pixels have no known range", where=path, hint="save it as 8 or 16 bit")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64)
        if values.min() < 0 or values.max() > 65535:
            raise InputError("integer pixels outside 0..65535", where=path, hint="save it as 8 or 16 bit")
        return Image.fromarray((values / 257).round().astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image).convert("RGB")
    return image.convert("RGB")
