"""The page to explore, in a real browser and from a file."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Opened, chromium
from explore_fakes import PEOPLE, POINTS, explorable
from PIL import Image
from report_fakes import NASTY, FakeRun, blob

from xai_compare import ekman
from xai_compare.api.comparing import compared
from xai_compare.report import explore
from xai_compare.report.explore import builder, bundle
from xai_compare.report.explore.sprites import Sprites

STATIC = Path(explore.__file__).parent / "static"
VIEWS = ("grid", "pair", "pictures", "people", "numbers")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FakeRun:
    return explorable(tmp_path_factory.mktemp("explored"))


@pytest.fixture(scope="module")
def file(run: FakeRun) -> Path:
    return explore.build(run)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["bytes", "signed"])
def comparison(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Ready-made heatmaps, of 8 bits that fill no whole range or signed; and what the tables say of them."""
    rng = np.random.default_rng(1)
    maps: dict[tuple[str, str], np.ndarray] = {}
    for expression in ("anger", "fear", "happiness", "sadness"):
        for name, share in (("one", 0.0), ("two", 0.3), ("three", 0.5)):
            values = blob(rng) - share * blob(rng)
            eight = np.rint(20 + 200 * np.maximum(values, 0)).astype(np.uint8)
            maps[name, expression] = eight if request.param == "bytes" else values
    made = compared(maps, "ekman", "", "ekman", None)
    path = tmp_path_factory.mktemp("heatmaps") / "explore.html"
    return explore.build_heatmaps(path, made.maps, made.masks, made.scores, "Maps <i>of</i> any tool"), made.scores


def number(text: str) -> float:
    return float(text.replace("−", "-")) if text != "–" else float("nan")


def point_at(opened: Opened, x: int, y: int) -> None:
    """Point at a pixel of the first face that is shown."""
    box = opened.page.locator(".face canvas").first.bounding_box()
    opened.page.mouse.move(box["x"] + (x + 0.5) / 224 * box["width"], box["y"] + (y + 0.5) / 275 * box["height"])
    opened.settle()


def test_the_value_under_the_cursor_is_the_stored_one(browser: Any, file: Path, run: FakeRun) -> None:
    opened = Opened(browser, file)
    page = opened.ready("grid")
    x, y = 97, 201
    point_at(opened, x, y)
    assert f"x {x}, y {y} · mouth · AU" in page.locator("#readout").inner_text()
    check_values(opened, run, x, y)
    page.locator("table.maps").focus()
    for key, times in (("ArrowRight", 3), ("Shift+ArrowUp", 2), ("n", 1)):
        for _ in range(times):
            page.keyboard.press(key)
    opened.settle()
    x, y = x + 3, y - 20
    check_values(opened, run, x, y)
    opened.until("document.getElementById('live').textContent !== ''")
    said = page.locator("#live").inner_text()
    value = page.locator(".maps .value").nth(1).inner_text()
    assert said.startswith("net0 · CAM, fear: " + value), said
    assert f"x {x}, y {y}" in said
    page.get_by_label("Cursor x").fill("10")
    opened.settle()
    check_values(opened, run, 10, y)
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id + location.hash") == "main"
    opened.close()


def check_values(opened: Opened, run: FakeRun, x: int, y: int) -> None:
    written = opened.page.locator(".maps .value").all_inner_texts()
    maps = run.heatmaps["heatmap"].isel(fold=0).values
    stored, spans = maps[..., y, x].ravel(), np.ptp(maps, axis=(-2, -1)).ravel()
    assert len(written) == len(stored) > 20
    for text, value, span in zip(written, stored, spans, strict=True):
        # Half a level of 255, and half of the last decimal that is written.
        assert abs(number(text) - value) <= span / 510 + 0.0005 + 1e-9


def test_scores_and_floors_at_the_tables_threshold_are_the_tables(browser: Any, comparison: Any) -> None:
    path, table = comparison
    opened = Opened(browser, path, "view=pair")
    page = opened.ready("pair")
    table = table[(table["fold"] == "all") & table["expression"].isin(["anger", "fear"])]
    seen = floors = 0
    for (a, b, expression), rows in table.groupby(["a", "b", "expression"], sort=False):
        second = f"k:{expression}" if b == "ekman" else f"m:{b}:{expression}"
        opened.look_at(f"view=pair&a=m:{a}:{expression}&b={second}")
        opened.settle()
        for row in rows.itertuples():
            metric = {"f1": "dice"}.get(row.metric, row.metric)
            if metric not in ("dice", "iou", "precision", "recall") or (row.metric == "dice") == (b == "ekman"):
                continue
            live, floor = (page.locator(f"[data-{kind}={metric}]").inner_text() for kind in ("live", "floor"))
            assert number(live) == pytest.approx(row.value, abs=0.00005 + 1e-9), (a, b, expression, metric)
            assert number(page.locator(f"[data-table={metric}]").inner_text()) == number(live)
            seen += 1
            if row.floor_kind != "surrogate":
                assert number(floor) == pytest.approx(row.floor, abs=0.00005 + 1e-9), (a, b, metric, row.floor_kind)
                floors += 1
    assert seen == 2 * (3 * 4 + 3)
    assert floors > 15
    opened.close()


def test_the_address_keeps_the_view(browser: Any, file: Path) -> None:
    opened = Opened(browser, file)
    page = opened.ready("grid")
    page.get_by_role("link", name="Pictures").click()
    opened.ready("pictures")
    page.get_by_label("Right or wrong").select_option("wrong")
    page.get_by_label("Sorted by").focus()
    page.get_by_label("Sorted by").select_option(label="dice with People: clicks (simulated)")
    opened.settle()
    assert page.evaluate("document.activeElement.parentElement.textContent").startswith("Sorted by")
    scores = [number(text) for text in page.locator(".scored").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == page.locator(".wrong").count() == 16
    before, address = page.locator("main").inner_text(), page.evaluate("location.hash")
    page.go_back()
    opened.until("document.querySelectorAll('.scored').length === 0")
    opened.close()
    again = Opened(browser, file, address[1:])
    again.ready("pictures")
    assert again.page.locator("main").inner_text() == before
    again.close()


def test_a_threshold_that_moves_blocks_nothing(browser: Any, file: Path) -> None:
    opened = Opened(browser, file, "view=pair&dim=1")
    page = opened.ready("pair")
    page.evaluate(
        "window.tasks = [];"
        "new PerformanceObserver(list => tasks.push(...list.getEntries().map(one => one.duration)))"
        '.observe({type: "longtask"})'
    )
    slider, before = page.locator("#threshold"), page.locator("[data-live=iou]").inner_text()
    slider.focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(box["x"] + 20 + step * (box["width"] - 40) / 40, box["y"] + box["height"] / 2)
    page.mouse.up()
    opened.settle()
    assert page.locator("[data-live=iou]").inner_text() != before
    assert [took for took in page.evaluate("tasks") if took > 200] == []
    opened.until("location.hash.includes('t=')")
    opened.close()


@pytest.mark.parametrize("width", [320, 500, 1280, 3840])
def test_every_view_fits(browser: Any, file: Path, width: int) -> None:
    opened = Opened(browser, file, viewport={"width": width, "height": 900}, reduced_motion="reduce")
    for view in VIEWS:
        page = opened.look_at(f"view={view}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        assert page.locator("h2").count() == 1
    assert opened.foreign == []
    opened.close()


def test_names_are_text(browser: Any, file: Path) -> None:
    opened = Opened(browser, file)
    page = opened.ready("grid")
    assert page.locator("main b:text('bold')").count() == 0
    assert "<b>bold · CAM" in page.locator("main").inner_text()
    opened.look_at("view=pictures")
    assert page.locator("script").count() == page.evaluate("document.querySelectorAll('body > script').length")
    assert any("<script>alert(1)</script>" in text for text in page.locator(".cards a").all_inner_texts())
    opened.close()


def test_people_are_drawn_in_order(browser: Any, file: Path) -> None:
    opened = Opened(browser, file, "view=people&path=1")
    page = opened.ready("people")
    page.wait_for_selector(".points circle")
    assert page.locator(".points circle").count() == PEOPLE * POINTS
    assert "the map that the run stored" in page.locator("#heat-source").inner_text()
    page.get_by_label("person2").check()
    opened.until(f"document.querySelectorAll('.points circle').length === {POINTS}")
    assert page.locator(".points polyline").count() == 1
    page.locator("#turn").focus()
    page.keyboard.press("ArrowLeft")
    opened.until(f"document.querySelectorAll('.points circle').length === {POINTS - 1}")
    assert "made here" in page.locator("#heat-source").inner_text()
    assert "not their times" in page.locator("main").inner_text()
    opened.close()


def test_photographs_only_where_they_are_asked_for(browser: Any, run: FakeRun, file: Path, tmp_path: Path) -> None:
    assert "2 pictures are not shown" in text_of(browser, file, "pictures")
    shown = explore.build(run, tmp_path / "explore.html", with_pictures=True)  # type: ignore[arg-type]
    assert "not shown below" not in text_of(browser, shown, "pictures")


def text_of(browser: Any, path: Path, view: str) -> str:
    opened = Opened(browser, path, f"view={view}")
    text = opened.ready(view).locator("main").inner_text()
    opened.close()
    return str(text)


def test_tables_are_sorted_and_filtered(browser: Any, file: Path, run: FakeRun) -> None:
    opened = Opened(browser, file, "view=numbers")
    page = opened.ready("numbers")
    page.get_by_label("Rows that hold").fill("iou fear value>0.3")
    scores = run.scores
    some = scores[(scores["metric"] == "iou") & (scores["expression"] == "fear") & (scores["value"] > 0.3)]
    opened.until(f"document.getElementById('rows').textContent.startsWith('{len(some)} of')")
    page.get_by_role("button", name="sort by value").click()
    column = page.evaluate(
        "[...document.querySelectorAll('.tall th')].findIndex(head => head.textContent.startsWith('value'))"
    )
    shown = page.locator(f".tall tbody td:nth-child({column + 1})").all_inner_texts()
    assert [number(text) for text in shown] == pytest.approx(sorted(some["value"]), abs=0.00005 + 1e-9)
    page.locator(".dotrow:enabled").first.click()
    assert "Otsu" in opened.ready("pair").locator("main").inner_text()
    opened.close()


def test_without_scripts_there_is_a_sentence_and_the_report(browser: Any, file: Path) -> None:
    opened = Opened(browser, file, java_script_enabled=False)
    assert opened.page.get_by_role("link", name="Read the report instead.").get_attribute("href") == "report.html"
    opened.close()


def test_five_hundred_maps_are_there_within_two_seconds(browser: Any, tmp_path: Path) -> None:
    opened = Opened(browser, explore.build(explorable(tmp_path, 100)), "view=grid")  # type: ignore[arg-type]
    page = opened.ready("grid")
    assert page.evaluate("performance.getEntriesByName('ready-grid')[0].startTime") < 2000
    assert "500 of 500 maps" in text_of(browser, tmp_path / "explore.html", "pictures")
    opened.close()


def test_more_than_fits_is_a_sample_that_says_so(browser: Any, run: FakeRun, file: Path, tmp_path: Path) -> None:
    whole = file.stat().st_size
    limit = whole - 60_000
    page = explore.build(run, tmp_path / "explore.html", most_bytes=limit)  # type: ignore[arg-type]
    assert page.stat().st_size <= limit
    text = text_of(browser, page, "pictures")
    kept = int(re.search(r"A sample.*: (\d+) of 12 pictures", text)[1])  # type: ignore[index]
    assert 0 < kept < 12
    shown = json.loads(re.search(r'id="payload">(.*?)</script>', page.read_text("utf-8"))[1])  # type: ignore[index]
    groups = np.unique(shown["pictures"]["columns"]["group"], return_counts=True)[1]
    assert np.ptp(groups) <= 5
    none = explore.build(run, tmp_path / "explore.html", most_bytes=100_000)  # type: ignore[arg-type]
    assert "No maps of single pictures: without them" in text_of(browser, none, "pictures")


@pytest.mark.parametrize("kind", ["unsigned", "signed", "negative", "constant"])
def test_levels_give_the_values_back(kind: str) -> None:
    shape = blob(np.random.default_rng(0)).astype(np.float64)
    values = {"unsigned": shape + 2, "signed": shape - 0.3, "negative": -shape - 1, "constant": 0 * shape + 3}[kind]
    with closing(Sprites()) as sprites:
        [tile] = [sprites.tiles[i] for i in sprites.add([values])]
        [(width, height, content)] = sprites.sheets()
    planes = np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))).reshape(-1, height, width) / 255
    if tile.least < 0:
        back = np.where(planes[0] > 0, planes[0] * tile.greatest, planes[1] * tile.least)
    else:
        back = tile.least + planes[0] * (tile.greatest - tile.least)
    span = max(tile.greatest, -tile.least) if tile.least < 0 else tile.greatest - tile.least
    assert np.abs(back - values).max() <= span / 510 + 1e-12


def test_json_cannot_end_its_element() -> None:
    text = bundle.as_json({"</script><!--": NASTY})
    assert "<" not in text
    assert json.loads(text) == {"</script><!--": NASTY}
    with pytest.raises(ValueError):
        bundle.as_json([float("nan")])


def test_the_page_allows_its_own_script_alone(file: Path) -> None:
    text = file.read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]  # type: ignore[index]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]+';", policy)
    assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg", "", bundle.script())


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_texts_have_contrast_and_nothing_moves() -> None:
    css = (STATIC / "explore.css").read_text("utf-8")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css))
    for name in ("ink", "muted", "accent", "warn"):
        for ground in ("#ffffff", colours["ground"], "#fff6ef"):
            assert (luminance(ground) + 0.05) / (luminance(colours[name]) + 0.05) >= 4.5, (name, ground)
    assert "animation" not in css
    assert "transition" not in css


def test_types_of_the_script() -> None:
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip("TypeScript's tsc is not installed; .ci/run checks where npm is")
    done = subprocess.run([tsc, "-p", STATIC / "jsconfig.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_photographs_of_few_have_no_mean_face(run: FakeRun) -> None:
    data = builder.from_run(run)
    assert builder._mean_face(run, data, False) == ""  # type: ignore[arg-type]
    assert builder._mean_face(run, data, True) != ""  # type: ignore[arg-type]


def test_masks_are_ekmans(comparison: Any) -> None:
    text = comparison[0].read_text("utf-8")
    shown = json.loads(re.search(r'id="payload">(.*?)</script>', text)[1])  # type: ignore[index]
    assert set(shown["masks"]["tiles"]) == set(ekman.EXPRESSIONS)
