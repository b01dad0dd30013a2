"""What coordinates and clocks count in: recognised, refused with the key that converts, converted where it is given."""

import json

import numpy as np
import pandas as pd
import pytest

from xai_compare.analysis import people
from xai_compare.errors import InputError
from xai_compare.human import Placement, Reading, Screen, human_maps, read_experiment
from xai_compare.human.data_quality import assess_quality
from xai_compare.human.experiment import in_image_pixels
from xai_compare.human.units import Units
from xai_compare.study import HumanSpec

PICTURES = {f"{name}.jpg": (500, 500) for name in "abcd"}
SCREEN = Screen((1000, 625), (40.0, 25.0), 60.0)
PLACE = (250.0, 62.5, 500.0, 500.0)
WHOLE = Reading(screen=SCREEN, placement=Placement(0, 0, 500, 500))


def _points():
    rng = np.random.default_rng(0)
    rows = [
        (person, image, *(rng.normal(centre, 4)))
        for person in ("p", "q")
        for image in PICTURES
        for centre in ((200, 220), (300, 222), (250, 330))
    ]
    return pd.DataFrame(rows, columns=["participant", "image", "x", "y"])


def _written(path, points, x=None, y=None, **columns):
    points = points if x is None else points.assign(x=x, y=y)
    points.assign(**columns).to_csv(path, index=False)
    return path


def _group(path, **keys):
    spec = HumanSpec(**{"name": "h", "file": str(path), "format": "auto", "pixels_per_degree": 30} | keys)
    return people.read(spec, list(PICTURES))


def _run_maps(path, **keys):
    """The maps that a run draws of a human source."""
    group = _group(path, **keys)
    experiment = in_image_pixels(group.experiment, PICTURES)
    points = experiment.points if group.experiment.cleaned or group.experiment.shapes else group.points
    return np.stack([made.map for made in human_maps(points, PICTURES, group.sigma)])


CENTRED = {
    "pix": (1.0, 1.0),
    "height": (625.0, 625.0),
    "norm": (500.0, 312.5),
    "cm": (25.0, 25.0),
    "deg": tuple(1 / np.array(SCREEN.degrees_per_pixel())),
}


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("unit", [*CENTRED, "fraction", "percent"])
def test_units_are_refused_and_converted(tmp_path, unit, clean):
    points = _points()
    usual = _run_maps(_written(tmp_path / "pixels.csv", points), exclude=clean)
    keys = {"units": unit, "exclude": clean}
    if unit in CENTRED:
        across, down = CENTRED[unit]
        x, y = (points["x"] - 249.5) / across, -(points["y"] - 249.5) / down
        keys |= {"placement": PLACE, "screen": {"resolution": (1000, 625), "size_cm": (40, 25), "distance_cm": 60}}
    else:
        whole = 500 / {"fraction": 1, "percent": 100}[unit]
        x, y = (points["x"] + 0.5) / whole, (points["y"] + 0.5) / whole
    path = _written(tmp_path / "other.csv", points, x, y)
    likely = {"cm": "cm or deg", "deg": "cm or deg", "norm": "height"}.get(unit, unit)
    with pytest.raises(InputError, match=rf"not pixels from the top left corner; give units: {likely} \(or"):
        _run_maps(path, exclude=clean)
    np.testing.assert_allclose(_run_maps(path, **keys), usual, rtol=1e-4, atol=1e-9)
    for name in ("placement", "screen") if unit in CENTRED else ():
        with pytest.raises(InputError, match="is not known, which units"):
            _run_maps(path, **{key: value for key, value in keys.items() if key != name})


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("enlarged", [1.0, 0.5])
@pytest.mark.parametrize("duration", [None, 250])
def test_pixels_of_the_screen_become_pixels_of_the_picture(tmp_path, clean, enlarged, duration):
    points, further = _points(), {} if duration is None else {"duration": duration}
    usual = _run_maps(_written(tmp_path / "picture.csv", points, **further), exclude=clean)
    x, y = ((points[axis] + 0.5) * enlarged - 0.5 + at for axis, at in (("x", 150), ("y", 60)))
    path = _written(tmp_path / "screen.csv", points, x, y, **further)
    placement = (150, 60, 500 * enlarged, 500 * enlarged)
    np.testing.assert_allclose(_run_maps(path, exclude=clean, placement=placement), usual, rtol=1e-5, atol=1e-10)
    whole = {"screen": {"resolution": (500, 500)}, "placement": "screen"}
    same = _run_maps(tmp_path / "picture.csv", exclude=clean, **whole)
    np.testing.assert_allclose(same, usual, rtol=1e-5, atol=1e-10)


def _jspsych(path, points, enlarged, targets=lambda box: {"#jspsych-stimulus": box}):
    """Clicks on pictures at (400, 100) of the page, shown at ``enlarged`` times their size for each participant."""
    trials = []
    for index, ((person, image), own) in enumerate(points.groupby(["participant", "image"])):
        scale = enlarged[person]
        box = {"x": 400, "y": 100, "width": 500 * scale, "height": 500 * scale}
        places = [
            {"x": (x + 0.5) * scale - 0.5 + 400, "y": (y + 0.5) * scale - 0.5 + 100, "t": 1, "event": "mousedown"}
            for x, y in own[["x", "y"]].to_numpy()
        ]
        trials.append({"trial_type": "image", "trial_index": index, "subject": person, "stimulus": f"img/{image}",
                       "mouse_tracking_data": places, "mouse_tracking_targets": targets(box)})  # fmt: skip
    path.write_text(json.dumps(trials))
    return path


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("enlarged", [{"p": 1, "q": 1}, {"p": 0.5, "q": 0.5}, {"p": 0.5, "q": 1.5}])
def test_clicks_on_pictures_shown_larger_or_smaller(tmp_path, clean, enlarged):
    usual = _run_maps(_written(tmp_path / "clicks.csv", _points()), exclude=clean)
    path = _jspsych(tmp_path / "clicks.json", _points(), enlarged)
    np.testing.assert_allclose(_run_maps(path, exclude=clean), usual, rtol=1e-5, atol=1e-10)


def test_the_target_that_is_the_picture(tmp_path):
    both = {"p": 1, "q": 1}
    usual = _run_maps(_written(tmp_path / "clicks.csv", _points()))
    button = {"x": 500, "y": 720, "width": 150, "height": 40}
    path = _jspsych(tmp_path / "b.json", _points(), both, lambda box: {"#x-btngroup": button, "#x-stimulus": box})
    np.testing.assert_allclose(_run_maps(path), usual, rtol=1e-5, atol=1e-10)
    path = _jspsych(tmp_path / "c.json", _points(), both, lambda box: {"#one": button, "#two": box})
    with pytest.raises(InputError, match="which of the targets #one, #two is the picture is not known"):
        _run_maps(path)


@pytest.mark.parametrize("target", [3, {"left": "far"}, {"left": [1]}, {"left": 1, "width": {}}])
def test_targets_that_are_no_places(tmp_path, target):
    path = _jspsych(tmp_path / "b.json", _points(), {"p": 1, "q": 1}, lambda box: {"#x-stimulus": target})
    with pytest.raises(InputError, match=r"trial 0: .*#x-stimulus"):
        _run_maps(path)


def test_json_lines_keep_participants_apart(tmp_path):
    path = _jspsych(tmp_path / "one.json", _points(), {"p": 1, "q": 1})
    usual, trials = _run_maps(path), json.loads(path.read_text())
    people_of = [[trial for trial in trials if trial["subject"] == person] for person in "pq"]
    for parts in (people_of, trials, [{"trials": part} for part in people_of]):
        path.write_text("\n".join(map(json.dumps, parts)) + "\n")
        np.testing.assert_array_equal(_run_maps(path, format="jspsych"), usual)
    unnamed = [[{key: trial[key] for key in trial if key != "subject"} for trial in part] for part in people_of]
    again = [trial | {"trial_index": trial["trial_index"] % 4} for part in unnamed for trial in part]
    for content in (*("\n".join(map(json.dumps, parts)) for parts in (unnamed, [people_of[0], unnamed[1]])),
                    json.dumps(unnamed), json.dumps(again)):  # fmt: skip
        path.write_text(content)
        with pytest.raises(InputError, match="its trials are of several participants, and not all name theirs"):
            _run_maps(path, format="jspsych")
    path.write_text(json.dumps(unnamed[0]))
    assert set(_group(path, format="jspsych").points["participant"]) == {"one"}


def _samples(path, lost, scale=1.0):
    """Two trials of 400 samples at 500 Hz, 32 of each (8 %) lost: what a cell of x and y holds then."""
    lines = ["participant,image,time,x,y,pupil"]
    for image in ("a.jpg", "b.jpg"):
        for row in range(400):
            x, y = (240.5, 200.25) if row < 200 else (260.5, 330.25)
            cells = (f"{x}", f"{y}", "3.1") if not 100 <= row < 132 else lost
            lines.append(f"p,{image},{row * 2 * scale:.9g},{','.join(cells)}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("lost", "coded"),
    [
        (("", "", ""), False),
        ((".", ".", "0"), False),
        (("0", "0", "0"), True),
        (("0.00", "0.00", "3.1"), True),
        (("-1", "-1", "-1"), True),
        (("-32768", "-32768", "0"), True),
        (("240.5", "200.25", "0"), True),
    ],
)
def test_lost_samples_are_counted(tmp_path, lost, coded):
    experiment = read_experiment(_samples(tmp_path / "p.csv", lost), WHOLE)
    np.testing.assert_allclose(experiment.trials["lost"], 0.08)
    places = experiment.points[["x", "y"]].round(2).drop_duplicates().to_numpy().tolist()
    assert places == [[240.5, 200.25], [260.5, 330.25]]
    lines = [note.line for note in assess_quality(experiment) if "eye was not found in 8.0%" in note.line]
    assert len(lines) == 1
    assert ("64 coded by" in lines[0]) == coded


@pytest.mark.parametrize(("clock", "scale", "words"), [("s", 1e-3, "seconds"), ("us", 1e3, "microseconds")])
def test_clocks_are_named_and_converted(tmp_path, clock, scale, words):
    usual = read_experiment(_samples(tmp_path / "p.csv", ("", "", "")), WHOLE)
    path = _samples(tmp_path / "q.csv", ("", "", ""), scale)
    with pytest.raises(InputError, match=rf"as one of {words} does at 500 Hz, not by ms; give clock: {clock} \(or"):
        read_experiment(path, WHOLE)
    told = Reading(screen=SCREEN, placement=Placement(0, 0, 500, 500), units=Units(clock=clock))
    np.testing.assert_allclose(read_experiment(path, told).points["duration"], usual.points["duration"])


@pytest.mark.parametrize(("clock", "scale"), [("s", 1e-3), ("us", 1e3)])
def test_durations_of_fixations(tmp_path, clock, scale):
    path = _written(tmp_path / "f.csv", _points(), duration=250 * scale)
    with pytest.raises(InputError, match=f"which can only be .*seconds, not ms; give clock: {clock}"):
        _run_maps(path)
    assert read_experiment(path, Reading(units=Units(clock=clock))).points["duration"].tolist() == [250.0] * 24


def test_fixations_coded_as_lost_are_dropped_and_counted(tmp_path):
    points = _points()
    x, y = (points[axis].where(points.index > 1, -1.0) for axis in "xy")
    group = _group(_written(tmp_path / "f.csv", points, x, y, duration=250))
    assert group.account()["dropped"]["coded as lost"] == 2
    assert len(group.points) == 22


def test_what_is_left_out_is_told_by_name(tmp_path):
    points = _points()
    points = points.assign(image=points["image"].str.replace("d.jpg", "renamed.jpg"))
    group = _group(_written(tmp_path / "c.csv", points))
    assert group.account()["pictures_unmatched"] == {"renamed.jpg": "no picture of that name"}
    assert "renamed.jpg" in group.left_out()[0]
    assert group.removed()[["image", "what", "reason"]].to_numpy().tolist() == [
        ["renamed.jpg", "picture", "no picture of that name"]
    ]


def test_studies_without_these_keys_keep_their_fingerprints():
    assert not {"units", "clock"} & set(HumanSpec(name="h", file="f", format="clicks").model_dump(mode="json"))
    assert HumanSpec(name="h", file="f", format="clicks", clock="s").model_dump()["clock"] == "s"
