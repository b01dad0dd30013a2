"""The page: one harmless file, whatever names it has to print."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from report_fakes import NASTY, make_run

from xai_compare import report

ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "div",
    "p",
    "h1",
    "h2",
    "ul",
    "li",
    "b",
    "strong",
    "span",
    "nav",
    "a",
    "main",
    "section",
    "dl",
    "dt",
    "dd",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "figure",
    "img",
    "figcaption",
    "details",
    "summary",
    "code",
    "footer",
}


class Reader(HTMLParser):
    """Collects tags, attributes and text as a browser would."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(built: Path) -> str:
    return built.read_text("utf-8")


def test_the_page_is_one_file_that_runs_and_loads_nothing(page: str) -> None:
    reader = Reader(page)
    policy = next(tag for tag in reader.of("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in str(policy["content"])
    assert {tag for tag, _ in reader.tags} <= ALLOWED
    assert all(str(tag["src"]).startswith("data:image/") for tag in reader.of("img"))
    assert all(str(tag["href"]).startswith("#") for tag in reader.of("a"))
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)
    assert len(page) < 15_000_000


def test_links_lead_somewhere_and_pictures_have_words(page: str) -> None:
    reader = Reader(page)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(tag["href"])[1:] for tag in reader.of("a")} <= set(ids)
    assert all(len(str(tag["alt"])) > 20 for tag in reader.of("img"))


@pytest.mark.parametrize(
    "words",
    [
        "A fake study",
        "simulated",
        "What was run",
        "at most 30 per expression",
        "Provenance",
        "How to cite",
        "Cautions",
        "no face was found",
        "&lt;b&gt;use Grad-CAM",
        "1 not computed",
        "explain",
        "61.8 s",
        "9f9f9f9f",
        "0 to 1",
        "Known regions",
        "Which sources attend to the same places?",
        "Intersection",
    ],
)
def test_the_page_says(page: str, words: str) -> None:
    assert words in page


def test_names_of_files_are_harmless(page: str) -> None:
    reader = Reader(page)
    assert "<script" not in page
    shown = "".join(reader.text)
    assert "<script>alert(1)</script>&amp;" in shown
    assert "ñ表情" in shown
    assert "\u202e" not in page
    assert "\\x0a" in shown


def test_names_of_models_and_people_are_harmless(tmp_path: Path) -> None:
    model, person = NASTY.replace("/", "∕"), "<img src=x onerror=alert(1)>"
    run = make_run(tmp_path, [model], ["..$x^{$"], [person], expressions=("anger", "fear"))
    run.study.note = '"><svg onload=alert(1)>'
    run.provenance["versions"][NASTY] = NASTY
    page = report.build(run).read_text("utf-8")
    reader = Reader(page)
    assert {tag for tag, _ in reader.tags} <= ALLOWED
    assert all(str(tag["src"]).startswith("data:image/") for tag in reader.of("img"))
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert all(re.fullmatch(r"(figures/|tables/)?[a-z0-9_.-]+", path.as_posix()) for path in files), files


def test_a_second_report_has_the_same_bytes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", ["one"], ["lime"], ["clicks"], expressions=("anger",))
    first, second = report.build(run), report.build(replace(run, dir=tmp_path / "b"))
    names = sorted(path.relative_to(first.parent) for path in first.parent.rglob("*") if path.is_file())
    assert len(names) > 10
    for name in names:
        assert (first.parent / name).read_bytes() == (second.parent / name).read_bytes(), name


def test_a_run_without_people_masks_or_skipped_images(tmp_path: Path) -> None:
    run = make_run(tmp_path, ["one"], ["lime"], [], known=False, expressions=("neutral",))
    run.skipped = pd.DataFrame({"image": [], "reason": []})
    page = report.build(run).read_text("utf-8")
    assert "No image was skipped" in page
    assert "Networks against people" not in page
    assert "Simulated data" not in page
    assert "Where does one network look on faces of one expression, as one explainer shows it?" in page


def test_a_run_of_people_only(tmp_path: Path) -> None:
    run = make_run(tmp_path, [], [], ["clicks", "gaze"], known=False, expressions=(), simulated=False)
    page = report.build(run).read_text("utf-8")
    assert "Where do people look on faces?" in page
    assert "Clicks against gaze" in page
    assert (tmp_path / "figures" / "people_clicks_vs_gaze.png").is_file()
