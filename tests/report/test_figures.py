"""Figures: which are drawn, what they say, and that they agree with the tables."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from report_fakes import FakeRun

from xai_compare import ekman, report
from xai_compare.comparison import mask_scores, merges_table, pair_scores, read_heatmaps
from xai_compare.errors import InputError
from xai_compare.report import SECTIONS, style
from xai_compare.report.data import from_run
from xai_compare.report.figure_files import png
from xai_compare.report.map_colours import heat, is_signed, levels_of
from xai_compare.report.score_table import AVERAGE, score_tables
from xai_compare.report.section import RenderedSection, render_sections
from xai_compare.report.sections.thresholds import overlap

SHEETS = {
    "heatmaps_grad_cam",
    "heatmaps_lime",
    "overlay_grad_cam",
    "overlay_lime",
    "thresholds",
    "overlap_grad_cam",
    "overlap_lime",
    "people_clicks_vs_gaze",
}
CHARTS = {
    "dice_boxes_clicks",
    "dice_boxes_gaze",
    "known_regions",
    "faithfulness_mini_xception",
    "faithfulness_resnet18",
    "repeatability",
    "dendrograms_pearson",
    "dendrograms_uncentred",
}


@pytest.fixture(scope="module")
def figures(built: Path) -> Path:
    return built.parent / "figures"


def test_every_figure_is_drawn_as_png_and_charts_as_svg_too(figures: Path) -> None:
    assert {path.stem for path in figures.glob("*.png")} == SHEETS | CHARTS
    assert {path.stem for path in figures.glob("*.svg")} == CHARTS


@pytest.mark.parametrize("name", sorted(SHEETS | CHARTS))
def test_figures_are_sharp_and_not_too_wide(figures: Path, name: str) -> None:
    with Image.open(figures / f"{name}.png") as image:
        assert image.info["dpi"] == pytest.approx((160, 160), abs=0.1)
        assert 6 * 160 <= image.width <= 10.2 * 160


def texts(figure: style.Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def test_figures_with_simulated_people_say_so_and_others_do_not(small_run: FakeRun) -> None:
    pictures = {picture.name: picture for part in _parts(small_run) for picture in part.figures}
    assert set(pictures) == SHEETS | CHARTS
    for name, picture in pictures.items():
        says = "simulated" in texts(picture.figure)
        assert says == picture.simulated, name
        assert says == (name not in {"thresholds", "known_regions", "repeatability"} and "faithful" not in name), name


def test_an_empty_group_is_hatched_and_says_no_image(small_run: FakeRun) -> None:
    heatmaps = SECTIONS.get("heatmaps")()
    with style.styled():
        grids = {picture.name: picture.figure for picture in heatmaps.figures(from_run(small_run))}
    assert "no image" in texts(grids["heatmaps_lime"])
    assert "no image" not in texts(grids["heatmaps_grad_cam"])
    assert "n = " in texts(grids["heatmaps_lime"])


def test_overlap_colours_every_case_differently() -> None:
    chosen, mask = np.array([[1, 1, 0, 0]], bool), np.array([[1, 0, 1, 0]], bool)
    rgb = overlap(chosen, mask)
    assert len({tuple(pixel) for pixel in rgb[0]}) == 4


def test_the_heat_colours_darken_evenly() -> None:
    levels = style.HEAT(np.arange(256))[:, :3]
    light = levels @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light) < 1e-3).all()
    assert light[0] > 0.97
    assert light[-1] < 0.2


@pytest.mark.parametrize(
    ("values", "finite"),
    [
        pytest.param(np.linspace(-3, 5, 12).reshape(3, 4), True, id="signed"),
        pytest.param(np.ones((3, 4)), True, id="constant"),
        pytest.param(np.full((3, 4), np.nan), False, id="undefined"),
    ],
)
def test_overlay_is_a_picture_of_the_same_size(values: np.ndarray, finite: bool) -> None:
    image = np.full((3, 4, 3), 200, np.uint8)
    before = image.copy()
    laid = report.overlay(image, values)
    assert (laid.shape, laid.dtype) == (image.shape, np.uint8)
    assert (image == before).all()
    if not finite:
        assert (laid[..., 0] == laid[..., 2]).all()


def test_overlay_colours_the_highest_place_most() -> None:
    values = np.zeros((5, 5))
    values[2, 3] = 1
    laid = report.overlay(np.full((5, 5, 3), 128, np.uint8), values).astype(int)
    spread = laid.max(-1) - laid.min(-1)
    assert spread[2, 3] == spread.max() > spread[0, 0] + 15


def test_overlay_refuses_another_size() -> None:
    with pytest.raises(ValueError, match="the map"):
        report.overlay(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4)))


def test_explanations_of_one_picture(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 40, 3), np.uint8)
    maps = {"lime": np.linspace(0, 1, 2400).reshape(60, 40), "cam": np.full((60, 40), np.nan)}
    paths = report.save_explanations(
        image, maps, tmp_path / "sub" / "a<b>", title="a<b>$", answer="fear (0.5)", reasons={"cam": "no linear layer"}
    )
    assert [path.name for path in paths] == ["a<b>.png", "a<b>_lime_map.png", "a<b>_lime_overlay.png"]
    with Image.open(paths[1]) as grey:
        assert (grey.size, grey.mode, grey.getextrema()) == ((40, 60), "L", (0, 255))


@pytest.mark.parametrize(
    "maps", [pytest.param({}, id="none"), pytest.param({"cam": np.zeros((3, 3))}, id="another size")]
)
def test_explanations_refuse(maps: dict[str, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(InputError):
        report.save_explanations(np.zeros((4, 5, 3), np.uint8), maps, tmp_path / "a")


def _shades(step: int) -> np.ndarray:
    """Smooth shades of few or of many colours, uint8 ``(256, 256, 3)``."""
    y, x = np.mgrid[:256, :256] // step * step
    return np.stack([x, y, (x + y) // 2], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("step", "mode", "off"), [pytest.param(32, "P", 0, id="few colours"), pytest.param(1, "RGB", 1, id="many colours")]
)
def test_a_png_has_a_palette_only_where_nobody_sees_it(step: int, mode: str, off: int) -> None:
    pixels = _shades(step)
    with Image.open(io.BytesIO(png(pixels))) as image:
        assert image.mode == mode
        read = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(read - pixels).max() <= off


@pytest.mark.parametrize("name", sorted(SHEETS | CHARTS))
def test_files_show_what_was_drawn(small_run: FakeRun, figures: Path, name: str) -> None:
    """White stays white, and hardly a pixel differs from the figure."""
    drawn = next(p for part in _parts(small_run) for p in part.figures if p.name == name)
    with style.styled():
        drawn.figure.canvas.draw()
    pixels = np.asarray(drawn.figure.canvas.buffer_rgba())[..., :3].astype(int)  # type: ignore[attr-defined]
    with Image.open(figures / f"{name}.png") as image:
        read = np.asarray(image.convert("RGB")).astype(int)
    white = (pixels == 255).all(axis=-1)
    assert (read[white] == 255).all()
    far = np.abs(read - pixels).max(axis=-1) > 8
    assert far.mean() < 0.02


_PARTS: list[RenderedSection] = []


def _parts(run: FakeRun) -> list[RenderedSection]:
    if not _PARTS:
        _PARTS.extend(render_sections(from_run(run), []))
    return _PARTS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\nb\x00c", "a·b·c", id="control"),
        pytest.param("x" * 40, "x" * 18 + "…" + "x" * 9, id="long"),
        pytest.param("\u202eabc", "·abc", id="reversed"),
    ],
)
def test_plain_text_of_a_name(text: str, shown: str) -> None:
    assert style.plain(text) == shown


def test_slugs_differ_where_names_do_and_stay_in_their_folder() -> None:
    names = ["a", "A", "../a", "a/b", "", "é", "\n", "x" * 90, "x" * 91]
    slugs = [style.slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_-]{1,48}", slug) for slug in slugs)


def test_tables_of_a_run(small_run: FakeRun) -> None:
    data = from_run(small_run)
    first, last = score_tables(data, "iou", "ekman")
    assert list(first.values.columns) == ["anger", "fear", "happiness", AVERAGE]
    assert list(first.values.index) == ["mini_xception/grad_cam", "resnet18/grad_cam", AVERAGE]
    assert first.references.empty
    assert list(last.references.index) == ["human/clicks", "human/gaze"]
    row = last.values.loc["resnet18/lime"]
    assert np.isnan(row["fear"])
    assert row[AVERAGE] == pytest.approx(row[["anger", "happiness"]].mean())
    assert sum(first.is_best(name, "anger") for name in first.values.index) == 1


def test_dice_with_people_is_found_in_either_order(small_run: FakeRun) -> None:
    data = from_run(small_run)
    scores = data.scores.copy()
    swapped = scores["metric"] == "dice"
    scores.loc[swapped, ["a", "b"]] = scores.loc[swapped, ["b", "a"]].to_numpy()
    one, other = (score_tables(m, "dice", "human/clicks") for m in (data, replace(data, scores=scores)))
    for table, turned in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(table.values, turned.values)


@pytest.fixture(scope="module")
def published(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the published heatmaps."""
    folder = shared / "ekman_expressions"
    maps, masks = read_heatmaps(folder / "heatmaps_by_net"), ekman.read_masks(folder / "ground_truth")
    scores = pd.concat([mask_scores(maps, masks), pair_scores(maps)])
    out = tmp_path_factory.mktemp("published")
    report.build_comparison(out, maps, masks, scores, merges_table(maps), "Published heatmaps")
    return out


@pytest.mark.slow
def test_the_published_table_is_recomputed(published: Path, shared: Path) -> None:
    ours = pd.read_csv(published / "tables" / "iou_table.csv", index_col="model")
    assert list(ours.columns) == ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "average"]
    assert len(ours) == 13
    assert ours.loc["ResNet50"].tolist() == [0.1944, 0.5156, 0.2226, 0.2797, 0.4236, 0.3252, 0.3269]
    assert ours.loc["SilNet", "anger"] == 0.2443


@pytest.mark.slow
def test_a_comparison_has_what_applies_and_prints_recomputed_values_only(published: Path) -> None:
    page = (published / "report.html").read_text("utf-8")
    charts = {"dendrograms_pearson", "dendrograms_uncentred"}
    assert {path.stem for path in (published / "figures").glob("*.png")} == {
        "heatmaps",
        "thresholds",
        "overlap",
    } | charts
    assert "0.2443" in page
    assert "0.2565" not in (published / "tables" / "iou_table.csv").read_text("utf-8")
    assert "were ready-made" in page
    assert "What was run" not in page
    assert "0.869" in (published / "figures" / "dendrograms_pearson.svg").read_text("utf-8")


def test_a_signed_map_is_drawn_around_zero() -> None:
    values = np.linspace(-1, 4, 51).reshape(1, -1)
    assert is_signed(values)
    levels = levels_of(values)
    assert levels[0, 10] in (127, 128)
    assert levels[0, -1] == 255
    red, green, blue = heat(values)[0].astype(int).T
    assert (red[10], green[10], blue[10]) >= (250, 250, 250)
    assert (blue[:8] > red[:8]).all()
    assert (red[15:40] > blue[15:40]).all()
    laid = report.overlay(np.full((1, 51), 128, np.uint8), values).astype(int)
    spread = laid.max(-1) - laid.min(-1)
    assert spread[0, 10] < min(spread[0, 0], spread[0, -1])


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.linspace(0, 1, 9), id="unsigned"),
        pytest.param(np.linspace(-0.005, 1, 9), id="noise below 0"),
        pytest.param(np.full(9, np.nan), id="undefined"),
    ],
)
def test_other_maps_keep_the_sequential_scale(values: np.ndarray) -> None:
    assert not is_signed(values)


def test_a_sheet_of_both_kinds_has_both_bars(small_run: FakeRun) -> None:
    data = from_run(small_run)
    maps = {key: one - 0.4 if "lime" in key[0] else one for key, one in data.maps.items()}
    with style.styled():
        one, other = SECTIONS.get("heatmaps")().figures(replace(data, maps=maps))
    assert "against" not in texts(one.figure)
    assert all(word in texts(other.figure) for word in ("against", "least", "red counts for the class"))
    assert "blue ones against it" in other.how
