"""BIDS: the clock of a recording and of its messages, two eyes in two files, and JSON that holds anything else."""

import gzip
import json

import numpy as np
import pytest

from xai_compare.errors import InputError
from xai_compare.human import Placement, Reading, Screen, read_experiment, read_gaze

IMAGES = {"a.jpg": (300.0, 200.0), "b.jpg": (900.0, 700.0)}
SCREEN = {"ScreenDistance": 0.6, "ScreenSize": [0.38, 0.304], "ScreenResolution": [1280, 1024]}
PLACE = Placement(0, 0, 1280, 1024)
STEM = "sub-01_task-faces"


def _recording(folder, *, first=0, gap=0, eyes=(1,), lost=None, events=True, shown=SCREEN, columns=None, **about):
    """A second at 500 Hz on each picture; between the two, the clock leaves ``gap`` ms out; an eye's lost rows."""
    folder.mkdir(exist_ok=True)
    about = {"SamplingFrequency": 500, "StartTime": 0, "timestamp": {"Units": "ms"},
             "Columns": ["timestamp", "x_coordinate", "y_coordinate", "pupil_size"]} | about  # fmt: skip
    onsets = [(number * (1000 + gap), image) for number, image in enumerate(IMAGES)]
    for eye in eyes:
        rows = [
            f"{first + onset + 2 * row}\t" + ("0\t0\t0" if (eye, row) == lost else f"{x + eye}\t{y}\t{900 + eye}")
            for onset, image in onsets
            for row in range(500)
            for x, y in [IMAGES[image]]
        ]
        path = folder / f"{STEM}_recording-eye{eye}_physio.tsv.gz"
        path.write_bytes(gzip.compress("\n".join(rows).encode()))
        path.with_name(path.name.replace(".tsv.gz", ".json")).write_text(json.dumps(about))
    (folder / f"{STEM}_events.json").write_text(json.dumps({"StimulusPresentation": shown}))
    if events:
        lines = [f"{onset / 1000}\t1.0\t{image}" for onset, image in onsets]
        (folder / f"{STEM}_events.tsv").write_text("\n".join(["onset\tduration\tstim_file", *lines]))
    else:
        stem = f"{STEM}_recording-eye1_physioevents"
        named = {"Columns": ["onset", "message"] if columns is None else columns, "OnsetSource": "timestamp"}
        (folder / f"{stem}.json").write_text(json.dumps(named))
        lines = [f"{first + onset}\tIMGLOAD {image}" for onset, image in onsets]
        (folder / f"{stem}.tsv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return sorted(folder.glob("*_physio.tsv.gz"))


@pytest.mark.parametrize("events", [True, False])
@pytest.mark.parametrize("first", [0, 5_000_000])
@pytest.mark.parametrize("gap", [0, 2000])
@pytest.mark.parametrize("about", [{}, {"timestamp": {}}, {"StartTime": [0]}])
def test_each_picture_has_its_own_samples(tmp_path, events, first, gap, about):
    samples = read_gaze(_recording(tmp_path, first=first, gap=gap, events=events, **about), placement=PLACE)
    assert samples.groupby("image", observed=True).size().to_dict() == {"a.jpg": 500, "b.jpg": 500}
    for image, (x, y) in IMAGES.items():
        own = samples[samples["image"] == image]
        assert own[["x", "y"]].drop_duplicates().to_numpy().tolist() == [[x + 1, y]]
    assert samples["trial"].max() == 2


def test_the_even_clock_is_kept_where_the_timestamps_agree(tmp_path):
    even = read_gaze(_recording(tmp_path, first=77), placement=PLACE)
    np.testing.assert_array_equal(even["time"], np.arange(1000) * 2.0)


def test_two_eyes_in_two_files_are_one_trial(tmp_path):
    files = _recording(tmp_path, eyes=(1, 2), lost=(2, 7))
    both = read_gaze(files, placement=PLACE)
    assert len(both) == 1000
    assert both["trial"].max() == 2
    x = both["x"].to_numpy()[:500]
    assert x[7] == 301.0
    assert (np.delete(x, 7) == 301.5).all()
    assert both["pupil"].iloc[0] == 901.5
    assert len(read_experiment(files, Reading(placement=PLACE)).trials) == 2
    assert (read_gaze(files[1], placement=PLACE)["x"].to_numpy()[8:500] == 302.0).all()
    rows = gzip.decompress(files[1].read_bytes()).splitlines()
    files[1].write_bytes(gzip.compress(b"\n".join(rows[:-9])))
    with pytest.raises(InputError, match="files of its eyes are not of the same samples"):
        read_gaze(files, placement=PLACE)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"StartTime": "soon"}, "its JSON's StartTime is 'soon', not a number"),
        ({"StartTime": [0, 1]}, "its JSON's StartTime is"),
        ({"StartTime": True}, "its JSON's StartTime is True"),
        ({"SamplingFrequency": "n/a"}, "its JSON's SamplingFrequency is 'n/a'"),
        ({"SamplingFrequency": {}}, "its JSON's SamplingFrequency is"),
        ({"SamplingFrequency": 0}, "gives no SamplingFrequency"),
        ({"SamplingFrequency": -500}, "gives no SamplingFrequency"),
        ({"SamplingFrequency": float("nan")}, "its JSON's SamplingFrequency is nan"),
        ({"Columns": "x"}, "names no Columns"),
        ({"Columns": [["x_coordinate"], "y_coordinate"]}, "names no Columns"),
        ({"Columns": {"x_coordinate": 1}}, "names no Columns"),
        ({"x_coordinate": "pixel", "timestamp": {"Units": "h"}}, "timestamp is in 'h'"),
        ({"timestamp": {}, "SamplingFrequency": 7}, "timestamp steps by 2, which is 7 Hz in no unit"),
        ({"shown": SCREEN | {"ScreenResolution": "1280x1024"}}, "ScreenResolution is '1280x1024'"),
        ({"shown": SCREEN | {"ScreenSize": [0.38]}}, "ScreenSize is"),
        ({"shown": SCREEN | {"ScreenDistance": [1, 2]}}, "ScreenDistance is"),
        ({"shown": SCREEN | {"ScreenDistance": "far"}}, "ScreenDistance is 'far'"),
        ({"events": False, "columns": "onset"}, "names no Columns onset and message"),
        ({"events": False, "columns": [1, {}]}, "names no Columns onset and message"),
    ],
)
def test_json_that_holds_something_else(tmp_path, changes, says):
    with pytest.raises(InputError) as error:
        read_gaze(_recording(tmp_path, **changes), placement=PLACE, screen=Screen((1280, 1024)))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("onset\tstim_file\n0\ta.jpg\n", "no column 'duration'"),
        ("duration\tstim_file\n1\ta.jpg\n", "no column 'onset'"),
        ("onset\tduration\tstim_file\nnow\t1\ta.jpg\n", "row 2: onset 'now' is not a number"),
        ("onset\tduration\tstim_file\nn/a\t1\ta.jpg\n", "row 2: onset 'n/a' is not a number"),
        ("onset\tduration\tstim_file\n0\t1\ta.jpg\textra\n", "row 2 has 4 cells where the header has 3"),
        ("", "is empty"),
        ("onset\tduration\n0\t1\n", "no events beside it say which picture was shown"),
    ],
)
def test_events_that_are_no_table(tmp_path, text, says):
    files = _recording(tmp_path)
    (tmp_path / f"{STEM}_events.tsv").write_text(text)
    with pytest.raises(InputError) as error:
        read_gaze(files, placement=PLACE)
    assert says in str(error.value)


def test_people_named_after_files_of_one_name_are_refused(tmp_path):
    from test_eyelink_messages import _recording as eyelink

    for day in ("1", "2"):
        (tmp_path / day).mkdir()
        eyelink(tmp_path / day / "P1.asc", [(1000, "!V IMGLOAD FILL a.jpg")])
    for read in (lambda path: read_gaze(path), lambda path: read_experiment(path, Reading())):
        with pytest.raises(InputError, match="participants are named after their files"):
            read(tmp_path / "*" / "P1.asc")
