"""Who a rendered face is: the parameters that stay when the expression changes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import yaml

Colour = tuple[float, float, float]
"""Red, green and blue in [0, 1], sRGB."""

HAIR_STYLES = ("cropped", "short", "parted", "bob", "long", "tied")
"""The hair styles a face may have."""

_PALETTES = yaml.safe_load(files("xai_compare.synthetic").joinpath("palettes.yaml").read_text("utf-8"))
_SKIN, _HAIR, _IRIS, _CLOTHES = (
    tuple((red, green, blue) for red, green, blue in _PALETTES[name]) for name in ("skin", "hair", "iris", "clothes")
)


@dataclass(frozen=True)
class Identity:
    """The lasting traits of one simulated person, and the light they are seen in.

    Lengths are in half outer-eye distances (the distance of the two outer eye corners is 2); traits called ``*_size``,
    ``*_width`` and so on are factors around 1.

    Attributes:
        seed: what :meth:`random` made it from; also seeds the grain of skin and hair.
        face_width, jaw_width, chin_length: shape of the head's outline.
        skin, hair, iris, lips, clothes, backdrop: sRGB colours in [0, 1].
        hair_style: one of :data:`HAIR_STYLES`.
        hair_volume: thickness of the hair above the skull.
        hairline: height of the hairline above the eyes.
        brow_height, brow_arch: displacement of the brows, in lengths.
        brow_thickness, eye_size, eye_distance, nose_width, nose_length, mouth_width, lip_fullness: factors.
        mouth_height: displacement of the mouth, in lengths.
        age: depth of the lines that stay at rest, in [0, 1].
        freckles: in [0, 1].
        asymmetry: how much stronger the muscles of the picture's left side are, in [-0.15, 0.15].
        light: direction to the light (right, down, towards the viewer), unit length.
        ambient: share of light that comes from everywhere, in [0, 1].
        warmth: how warm the light is, around 0.
    """

    seed: int = 0
    face_width: float = 1.0
    jaw_width: float = 1.0
    chin_length: float = 1.0
    skin: Colour = _SKIN[1]
    hair: Colour = _HAIR[2]
    iris: Colour = _IRIS[1]
    lips: Colour = (0.72, 0.40, 0.37)
    clothes: Colour = _CLOTHES[0]
    backdrop: Colour = (0.62, 0.66, 0.69)
    hair_style: str = "short"
    hair_volume: float = 0.3
    hairline: float = 1.6
    brow_height: float = 0.0
    brow_arch: float = 0.0
    brow_thickness: float = 1.0
    eye_size: float = 1.0
    eye_distance: float = 1.0
    nose_width: float = 1.0
    nose_length: float = 1.0
    mouth_width: float = 1.0
    mouth_height: float = 0.0
    lip_fullness: float = 1.0
    age: float = 0.2
    freckles: float = 0.0
    asymmetry: float = 0.0
    light: tuple[float, float, float] = (0.32, -0.42, 0.85)
    ambient: float = 0.5
    warmth: float = 0.0

    @classmethod
    def random(cls, seed: int) -> Identity:
        """Draw one identity; the same ``seed`` always gives the same face."""
        rng = np.random.default_rng([seed, 68])

        def factor(spread: float) -> float:
            return float(np.clip(rng.normal(1, spread), 1 - 2 * spread, 1 + 2 * spread))

        def offset(spread: float) -> float:
            return factor(spread) - 1

        tone = rng.uniform(0, len(_SKIN) - 1)
        skin = _mix(_SKIN, tone, rng, 0.015)
        hair = _mix(_HAIR, rng.uniform(0, 2.4) if tone > 2.5 else rng.uniform(0, len(_HAIR) - 1), rng, 0.015)
        iris = _mix(_IRIS, rng.uniform(0, 1) if tone > 2.5 else rng.uniform(0, len(_IRIS) - 1), rng, 0.02)
        red = rng.uniform(0.25, 0.6)
        rosy = (0.74, 0.34, 0.34) if tone < 3 else (0.50, 0.25, 0.24)
        lips = tuple(float((1 - red) * s * 0.92 + red * r) for s, r in zip(skin, rosy, strict=True))
        light = np.array([rng.uniform(-0.55, 0.55), rng.uniform(-0.6, -0.3), 1.0])
        return cls(
            seed=seed,
            face_width=factor(0.035), jaw_width=factor(0.05), chin_length=factor(0.035),
            skin=skin, hair=hair, iris=iris, lips=(lips[0], lips[1], lips[2]),
            clothes=_mix(_CLOTHES, rng.uniform(0, len(_CLOTHES) - 1), rng, 0.03),
            backdrop=_mix(((0.50, 0.55, 0.60), (0.72, 0.73, 0.74), (0.66, 0.62, 0.57)), rng.uniform(0, 2), rng, 0.03),
            hair_style=str(rng.choice(HAIR_STYLES)),
            hair_volume=float(rng.uniform(0.2, 0.45)), hairline=float(rng.uniform(1.45, 1.7)),
            brow_height=offset(0.03), brow_arch=offset(0.03), brow_thickness=factor(0.16),
            eye_size=factor(0.06), eye_distance=factor(0.03), nose_width=factor(0.07), nose_length=factor(0.04),
            mouth_width=factor(0.05), mouth_height=offset(0.035), lip_fullness=factor(0.14),
            age=float(rng.beta(1.5, 3)), freckles=float(max(0.0, rng.normal(-0.2, 0.5))) if tone < 2 else 0.0,
            asymmetry=float(rng.uniform(-0.08, 0.08)),
            light=tuple((light / np.linalg.norm(light)).tolist()),
            ambient=float(rng.uniform(0.42, 0.6)), warmth=float(rng.normal(0, 0.02)),
        )  # fmt: skip


def _mix(palette: tuple[Colour, ...], position: float, rng: np.random.Generator, noise: float) -> Colour:
    """A colour between two neighbours of ``palette``, a little lighter or darker, warmer or cooler."""
    low = min(int(position), len(palette) - 2)
    share = position - low
    colour = (1 - share) * np.array(palette[low]) + share * np.array(palette[low + 1])
    colour = colour * (1 + rng.normal(0, 1.5 * noise)) + rng.normal(0, 0.5 * noise) * np.array([1, 0, -1])
    red, green, blue = np.clip(colour, 0.02, 0.98).tolist()
    return red, green, blue
