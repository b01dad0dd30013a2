"""Every format of gaze gives the same samples and events for the same gaze; what is wrong in a file is told."""

import numpy as np
import pytest
import recordings

from xai_compare.errors import InputError
from xai_compare.human import Placement, Screen, events, read_gaze, recognise

SCREEN = Screen(recordings.SCREEN, (38.0, 30.4), 60.0)
PLACE = Placement(recordings.LEFT, recordings.TOP, recordings.WIDTH, recordings.HEIGHT)

WRITERS = {
    "tobii": lambda folder: recordings.tobii_studio(folder / "P1.tsv"),
    "tobii pro": lambda folder: recordings.tobii_pro(folder / "P1.tsv"),
    "eyelink": lambda folder: recordings.eyelink(folder / "P1.asc"),
    "gazepoint": lambda folder: recordings.gazepoint(folder / "P1_all_gaze.csv"),
    "smi": lambda folder: recordings.smi(folder / "P1.txt"),
    "bids": lambda folder: recordings.bids(folder),
    "samples": lambda folder: recordings.plain(folder / "P1.csv"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_formats_agree(tmp_path, name):
    path = WRITERS[name](tmp_path)
    assert recognise(path)[0].name == name.split()[0]
    samples = read_gaze(path, screen=SCREEN, placement=PLACE)
    assert list(samples["participant"].unique()) == ["P1"]
    assert list(samples["image"].unique()) == list(recordings.IMAGES)
    truth = np.concatenate(recordings.gaze())
    assert len(samples) == len(truth)
    np.testing.assert_allclose(samples[["x", "y"]], truth[:, 1:], atol=0.06)
    found = events(samples, screen=SCREEN, placement=PLACE)
    assert found.trials["kept"].sum() == 0  # The blink is 12 % of the trial.
    found = events(samples, screen=SCREEN, placement=PLACE, max_lost=0.2)
    assert found.trials["blinks"].tolist() == [1, 1]
    # The blink cuts the third place in two, of which the first part is too short, and no saccade leads across it.
    assert found.fixations.groupby("image", observed=True).size().tolist() == [4, 4]
    for number, image in enumerate(recordings.IMAGES):
        at = found.fixations[found.fixations["image"] == image][["x", "y"]]
        np.testing.assert_allclose(at, recordings.PLACES + 5 * number, atol=0.5)
    assert found.trials["too_short"].tolist() == [1, 1]
    assert len(found.saccades) == 4


def test_samples_round_trip(tmp_path):
    samples = read_gaze(recordings.tobii_pro(tmp_path / "P1.tsv"))
    samples.to_parquet(tmp_path / "samples.parquet")
    again = read_gaze(tmp_path / "samples.parquet", screen=Screen.of(samples.attrs["screen"]))
    np.testing.assert_array_equal(again[["x", "y", "time"]], samples[["x", "y", "time"]])


@pytest.mark.parametrize(
    "options", [{"comma": True}, {"encoding": "utf-16"}, {"encoding": "cp1252"}, {"comma": True, "encoding": "utf-16"}]
)
def test_dialects_of_tobii(tmp_path, options):
    plain = read_gaze(recordings.tobii_studio(tmp_path / "a.tsv"))
    other = read_gaze(recordings.tobii_studio(tmp_path / "b.tsv", **options))
    np.testing.assert_array_equal(plain[["x", "y"]], other[["x", "y"]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_half_written_last_line_is_left_out(tmp_path, encoding):
    whole = read_gaze(recordings.tobii_studio(tmp_path / "a.tsv"))
    half = read_gaze(recordings.tobii_studio(tmp_path / "b.tsv", half=True, encoding=encoding))
    assert len(half) == len(whole) - 1


def _edited(tmp_path, change):
    path = recordings.tobii_studio(tmp_path / "P1.tsv", encoding="utf-8")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(lines)) + "\n")
    return path


def _cut(lines):
    return [*lines[:30], lines[30][:20], *lines[31:]]


def _word(lines):
    return [*lines[:30], lines[30].replace("Fixation\t5", "Fixation\tfive"), *lines[31:]]


def _moved(lines):
    return [*lines[:100], *(line.replace("\t440\t", "\t441\t") for line in lines[100:])]


def _alternating(lines):
    return [lines[0], *(line.replace("P1", f"P{row % 2}") for row, line in enumerate(lines[1:]))]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_cut, "1 lines have more or fewer cells"),
        (_word, "row 31, column 10: 'five40.129' is not a number"),
        (_moved, "the picture lies at [440.0, 262.0, 400.0, 500.0] and at [441.0"),
        (_alternating, "rows of several people or pictures alternate"),
        (lambda lines: [lines[0].replace("GazePoint", "Gaze"), *lines[1:]], "no column of the gaze point"),
        (lambda lines: [lines[0].replace("RecordingTimestamp", "Time"), *lines[1:]], "no column of the time"),
        (lambda lines: lines[:1], "no sample is of a picture"),
    ],
)
def test_refuses(tmp_path, change, says):
    path = _edited(tmp_path, change)
    with pytest.raises(InputError) as error:
        read_gaze(path, format="tobii")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_the_place_on_the_screen_must_be_known(tmp_path):
    path = recordings.gazepoint(tmp_path / "P1_all_gaze.csv")
    with pytest.raises(InputError, match="the screen's resolution is not known"):
        read_gaze(path)
    with pytest.raises(InputError, match="where on the screen the picture lay is not known; give placement"):
        read_gaze(path, screen=SCREEN)


def test_eyelink_of_two_eyes_and_of_a_failed_validation(tmp_path):
    both = read_gaze(recordings.eyelink(tmp_path / "P1.asc", eyes="LR"))
    one = read_gaze(recordings.eyelink(tmp_path / "P1.asc", eyes="L"))
    np.testing.assert_allclose(both[["x", "y"]], one[["x", "y"]])
    path = recordings.eyelink(tmp_path / "P1.asc", validation="POOR ERROR 3.40 avg. 6.20 max")
    failed = events(read_gaze(path), screen=SCREEN, max_lost=0.2)
    assert failed.trials["reason"].tolist() == ["the tracker's validation before it failed"] * 2
    assert not len(failed.fixations)
    assert len(events(read_gaze(path), screen=SCREEN, max_lost=0.2, keep_unvalidated=True).fixations) == 8


@pytest.mark.parametrize("name", ["eyelink", "smi"])
def test_what_pymovements_cannot_read(tmp_path, name):
    path = tmp_path / "P1.asc"
    path.write_text("## [BeGaze]\n" if name == "smi" else "** CONVERTED FROM nothing\n")
    with pytest.raises(InputError, match=r"pymovements cannot read it|no message TRIALID|names no picture"):
        read_gaze(path, format=name)


def test_bids_in_degrees_is_refused(tmp_path):
    with pytest.raises(InputError, match="x_coordinate is in degree; only gaze in pixels"):
        read_gaze(recordings.bids(tmp_path, units="degree"))


def test_bids_needs_its_json(tmp_path):
    path = recordings.bids(tmp_path)
    path.with_name(path.name.replace(".tsv.gz", ".json")).unlink()
    with pytest.raises(InputError, match="JSON that describes it is not there"):
        read_gaze(path, format="bids")


def test_the_screen_of_real_recordings(shared):
    """The exporter gives gaze in pixels and mm: a television of 104 by 58 cm seen from some 136 cm."""
    samples = read_gaze(shared / "uniss_fgd" / "000.csv.gz")
    screen = Screen.of(samples.attrs["screen"])
    assert screen.resolution == (1280, 1024)
    np.testing.assert_allclose(screen.size_cm, (104.0, 58.0), atol=0.05)
    assert 125 < samples["distance"].median() < 145
    assert samples["participant"].nunique() == 20
    np.testing.assert_array_equal(
        samples["on_picture"], samples["x"].between(-0.5, 561.5) & samples["y"].between(-0.5, 761.5)
    )
