"""Events: those of pymovements on its own signals, degrees by hand arithmetic, and everything removed is counted."""

import numpy as np
import pandas as pd
import pymovements as pm
import pytest
from pymovements.synthetic import step_function

from xai_compare.errors import InputError
from xai_compare.human import Cross, GazeSettings, Placement, Screen, events, read_gaze
from xai_compare.human.gaze.detectors import DETECTORS, detect, detector
from xai_compare.human.gaze.detectors.velocity import velocities
from xai_compare.human.gaze.events import directions
from xai_compare.human.gaze.recording import Collector, outcomes

SCREEN = Screen((1280, 1024), (38.0, 30.4), 60.0)
PLACE = Placement(340, 212, 600, 600)
SIGNALS = {
    "steps": {"length": 2000, "steps": [500, 900, 1500], "values": [(3.0, 0.0), (3.0, 3.0), (-5.0, 1.0)]},
    "noise": {"length": 1000, "steps": [100, 400], "values": [(2.0, 2.0), (0.0, -4.0)], "noise": 0.02},
    "one place": {"length": 300, "steps": [0], "values": [(1.0, 1.0)]},
    "moving": {"length": 400, "steps": list(range(0, 400, 4)), "values": [(5.0 * (k % 2), 0.0) for k in range(100)]},
}


@pytest.mark.parametrize("lost", [None, slice(700, 760)], ids=["whole", "lost"])
@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("method", ["ivt", "idt"])
@pytest.mark.filterwarnings("ignore:.*No events")
def test_events_are_those_of_pymovements(signal, method, lost):
    np.random.seed(0)  # its step function draws from the global generator
    positions = step_function(start_value=(0.0, 0.0), **SIGNALS[signal])
    if lost is not None:
        positions[lost] = np.nan
    time = np.arange(len(positions))
    gaze = pm.gaze.from_numpy(time=time, position=positions.T, experiment=pm.Experiment(sampling_rate=1000))
    if method == "ivt":
        gaze.pos2vel("savitzky_golay", window_length=21, degree=2, padding="nearest")
        gaze.detect("ivt", velocity_threshold=30.0, minimum_duration=0)
    else:
        gaze.detect("idt", dispersion_threshold=1.0, minimum_duration=100)
    theirs = list(zip(gaze.events.frame["onset"], gaze.events.frame["offset"] + 1, strict=True))
    assert detect(method, positions, time.astype(float), 1000.0) == theirs


def test_velocity_of_a_steady_movement():
    degrees = np.column_stack([np.arange(100) * 0.05, np.zeros(100)])
    for rate in (60.0, 300.0, 1000.0):
        np.testing.assert_allclose(velocities(degrees, rate)[15:-15, 0], 0.05 * rate)


def test_acceleration_keeps_the_beginning_of_a_saccade_out():
    ramp = np.concatenate([np.zeros(200), np.linspace(0, 5, 50) ** 2 / 5, np.full(200, 5.0)])
    degrees = np.column_stack([ramp, np.zeros(450)])
    time = np.arange(450.0)
    slow = detect("ivt", degrees, time, 1000.0, velocity=60.0)
    strict = detect("ivt", degrees, time, 1000.0, velocity=60.0, acceleration=2000.0)
    # The speed passes 60 degrees per second 15 ms after the beginning, the acceleration at once.
    assert slow[0][1] == pytest.approx(215, abs=1)
    assert strict[0][1] == pytest.approx(200, abs=3)


def test_remodnav_finds_the_steps():
    np.random.seed(0)
    positions = step_function(2000, [500, 900, 1500], [(3.0, 0.0), (3.0, 3.0), (-5.0, 1.0)], (0.0, 0.0), noise=0.02)
    found = detect("remodnav", positions, np.arange(2000.0), 1000.0)
    np.testing.assert_allclose(found, [(0, 500), (500, 900), (900, 1500), (1500, 2000)], atol=20)


@pytest.mark.parametrize("method", ["ivt", "idt", "remodnav"])
def test_losses_anywhere(method):
    """Lost at the beginning, a moment before the end, and long in the middle; no fixation reaches into a loss."""
    np.random.seed(0)
    positions = step_function(3000, [1000, 2000], [(3.0, 0.0), (0.0, 3.0)], (0.0, 0.0), noise=0.02)
    for lost in (slice(0, 40), slice(60, 70), slice(1400, 1700), slice(2985, 2990)):
        positions[lost] = np.nan
    found = detect(method, positions, np.arange(3000) * 2.0, 500.0)
    assert len([one for one in found if one[1] - one[0] > 100]) in (4, 5)  # REMoDNaV may see a small saccade in noise.
    for start, stop in found:
        assert np.isnan(positions[start:stop]).mean() < 0.05
    assert detect(method, np.full((500, 2), np.nan), np.arange(500) * 2.0, 500.0) == []


def test_a_new_detector_is_one_function(monkeypatch):
    DETECTORS.names()
    monkeypatch.setattr(DETECTORS, "_things", dict(DETECTORS._things))

    @detector("whole")
    def whole(degrees, time, rate, *, skip: int = 0):
        return [(skip, len(degrees))]

    found = events(trial([(100, 100)] * 400), SETTINGS, screen=SCREEN, placement=PLACE, detector="whole")
    assert found.fixations["samples"].tolist() == [400]
    with pytest.raises(InputError, match="the detector 'whole' has no option 'skp'; did you mean 'skip'"):
        detect("whole", np.zeros((3, 2)), np.arange(3.0), 1.0, skp=1)
    with pytest.raises(InputError, match="unknown event detector 'ivtt'; did you mean 'ivt'"):
        detect("ivtt", np.zeros((3, 2)), np.arange(3.0), 1.0)


def test_degrees_by_hand():
    """A screen 38 cm wide at 60 cm: its edge lies atan(19 / 60) from the middle."""
    edge = np.degrees(np.arctan(19 / 60))
    degrees = SCREEN.degrees(np.array([-0.5, 639.5, 1279.5]), np.array([511.5, 511.5, 511.5]))
    np.testing.assert_allclose(degrees, [[-edge, 0], [0, 0], [edge, 0]], atol=1e-9)
    across = SCREEN.angle(np.array([-0.5]), np.array([511.5]), np.array([1279.5]), np.array([511.5]))
    np.testing.assert_allclose(across, 2 * edge)
    # From corner to corner: two directions whose scalar product is (d^2 - 19^2 - 15.2^2) / (d^2 + 19^2 + 15.2^2).
    corner = SCREEN.angle(np.array([-0.5]), np.array([-0.5]), np.array([1279.5]), np.array([1023.5]))
    half = 19**2 + 15.2**2
    np.testing.assert_allclose(corner, np.degrees(np.arccos((3600 - half) / (3600 + half))))


def test_pixels_that_are_not_square():
    """A picture of 1280 x 1024 stretched over a television, as in the recordings at hand."""
    screen = Screen((1280, 1024), (104.0, 58.0), 136.0)
    across, down = screen.degrees_per_pixel()
    assert 1 / across == pytest.approx(2 * 136 * np.tan(np.radians(0.5)) * 1280 / 104, rel=1e-3)
    assert across / down == pytest.approx((104 / 1280) / (58 / 1024), rel=1e-3)


def test_directions():
    square = np.array([[0, 0], [1, 0], [1, -1], [0, -1], [0, 0.0]])
    angle, turning = directions(square, np.array([True, True, False, True]))
    np.testing.assert_allclose(angle, [0, 90, 180, 270])
    np.testing.assert_allclose(turning, [np.nan, 90, np.nan, np.nan])


SETTINGS = GazeSettings()


def trial(points, rate=500.0, participant="p", image="a", start=0.0, **columns):
    """Samples of one trial at a steady rate."""
    x, y = np.array(points, float).T
    table = {"participant": participant, "image": image, "time": start + np.arange(len(x)) * 1000 / rate}
    return pd.DataFrame(table | {"x": x, "y": y} | columns)


def two_places(gap=0):
    return [(100, 100)] * 200 + [(np.nan, np.nan)] * gap + [(200, 100)] * 200


def test_saccade_by_hand():
    found = events(trial(two_places()), screen=SCREEN, placement=PLACE)
    saccade = found.saccades.iloc[0]
    where = PLACE.left + np.array([100, 200]) - 639.5, PLACE.top + 100 - 511.5
    a, b = (np.array([x * 38 / 1280, where[1] * 30.4 / 1024, 60]) for x in where[0])
    by_hand = np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
    assert saccade["amplitude"] == pytest.approx(by_hand, rel=1e-9)
    assert saccade["orientation"] == pytest.approx(0, abs=1e-9)
    assert np.isnan(saccade["turning_angle"])
    assert found.fixations["x"].tolist() == pytest.approx([100, 200])
    # The filter's window of 20 ms keeps half of it on either side out of the fixations.
    assert found.fixations["duration"].tolist() == pytest.approx([390, 390], abs=12)
    assert found.trials.loc[0, ["rate", "duration", "lost"]].tolist() == pytest.approx([500, 800, 0])


def test_no_saccade_across_a_loss():
    found = events(trial(two_places(gap=20)), screen=SCREEN, placement=PLACE)
    assert len(found.fixations) == 2
    assert len(found.saccades) == 0
    assert found.trials.loc[0, ["blinks", "losses"]].tolist() == [0, 1]


def test_no_saccade_across_rows_that_are_absent():
    samples = trial(two_places(gap=20)).dropna()
    found = events(samples, screen=SCREEN, placement=PLACE)
    assert found.trials.loc[0, "missing"] == 20
    assert found.trials.loc[0, "lost"] == pytest.approx(20 / 420)
    assert len(found.saccades) == 0


@pytest.mark.parametrize(("ms", "blink"), [(70, 0), (80, 1), (420, 1), (430, 0)])
def test_blinks_by_their_duration(ms, blink):
    points = [(100, 100)] * 500 + [(np.nan, np.nan)] * (ms // 2) + [(100, 100)] * 500
    found = events(trial(points), screen=SCREEN, placement=PLACE, max_lost=0.5)
    assert found.trials.loc[0, ["blinks", "losses"]].tolist() == [blink, 1 - blink]


def test_short_fixations_are_removed_and_counted():
    points = [(100, 100)] * 200 + [(300, 300)] * 45 + [(100, 300)] * 200
    found = events(trial(points), screen=SCREEN, placement=PLACE)
    assert found.fixations["x"].round().tolist() == [100, 100]
    assert found.trials.loc[0, "too_short"] == 1
    assert len(events(trial(points), screen=SCREEN, placement=PLACE, min_fixation_ms=50).fixations) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.assign(time=s["time"][::-1].to_numpy()), "the clock runs backwards (399 times)"),
        (lambda s: s.assign(time=0.0), "the clock stands still"),
        (lambda s: s.assign(time=s["time"] + np.where(s.index > 200, 60_000, 0)), "the clock jumps by 60 s"),
        (lambda s: s.assign(time=np.nan), "samples without a time"),
        (lambda s: s[:5], "only 5 samples"),
        (lambda s: s.assign(x=np.nan), "the eye was never found"),
        (lambda s: s.assign(x=np.where(s.index < 50, np.nan, s["x"])), "more than 10% of samples lost"),
    ],
    ids=["backwards", "still", "two clocks", "no time", "short", "never found", "lost"],
)
def test_trials_that_cannot_be_used_are_named(change, says):
    samples = pd.concat([change(trial(two_places())), trial(two_places(), image="b", start=99_000)])
    found = events(samples, screen=SCREEN, placement=PLACE)
    assert found.trials["reason"].tolist() == [says, ""]
    assert found.trials["kept"].tolist() == [False, True]
    assert found.fixations["image"].unique().tolist() == ["b"]


def test_points_off_the_picture_are_kept_and_flagged():
    found = events(trial([(100, 100)] * 200 + [(-60, 100)] * 200), screen=SCREEN, placement=PLACE)
    assert found.fixations["on_picture"].tolist() == [True, False]
    assert found.fixations["x"].round().tolist() == [100, -60]
    assert found.trials.loc[0, "off_picture"] == pytest.approx(0.5)


def test_liu_correction():
    """Losses that cannot be a blink are filled; the pupil becomes its difference."""
    points = [(100, 100)] * 200 + [(np.nan, np.nan)] * 20 + [(140, 100)] * 200
    samples = trial(points, pupil=np.arange(420) * 0.01)
    one = next(outcomes([samples], GazeSettings(liu_correction=True), screen=SCREEN, placement=PLACE))
    np.testing.assert_allclose(one.trial.x[199:221], np.linspace(100, 140, 22))
    np.testing.assert_allclose(one.trial.pupil[1:], 0.01)
    assert one.trial.pupil[0] == 0
    blink = [(100, 100)] * 200 + [(np.nan, np.nan)] * 50 + [(140, 100)] * 200
    one = next(
        outcomes([trial(blink)], GazeSettings(liu_correction=True, max_lost=0.5), screen=SCREEN, placement=PLACE)
    )
    assert np.isnan(one.trial.x[200:250]).all()


def test_the_fixation_cross_tells_the_offset():
    cross = Cross("cross", 300, 300)
    parts = [
        trial([(320, 290)] * 100, image="cross"),
        trial(two_places(), start=5000),
        trial([(300, 300)] * 100, image="cross", start=9000),
        trial(two_places(), start=12_000),
        trial([(600, 300)] * 100, image="cross", start=15_000),
        trial(two_places(), start=19_000),
    ]
    found = events(pd.concat(parts), screen=SCREEN, placement=PLACE, cross=cross)
    assert found.trials[["offset_x", "offset_y"]].to_numpy().tolist() == [[20, -10], [0, 0], [300, 0]]
    assert found.trials["reason"].tolist() == ["", "", "the fixation cross was missed by more than 3 degrees"]
    assert found.fixations[["x", "y"]].round().to_numpy().tolist()[:2] == [[80, 110], [180, 110]]


def test_degrees_need_the_screen():
    with pytest.raises(InputError, match="how many pixels a degree"):
        events(trial(two_places()), placement=PLACE)


@pytest.mark.parametrize("changes", [{"max_lost": 3}, {"min_fixation_ms": -1}])
def test_settings_are_checked(changes):
    with pytest.raises(InputError):
        GazeSettings(**changes)


def test_real_recordings_agree_with_the_exporter(shared):
    """Share of samples called fixation by Tobii's filter and by ours alike, over six of the recordings."""
    alike, collector = [], Collector()
    for name in ("000", "013", "022", "063", "081", "115"):
        for one in outcomes([read_gaze(shared / "uniss_fgd" / f"{name}.csv.gz")]):
            collector.add(one)
            if one.row["kept"]:
                alike.append(((one.labels == 1) == (one.trial.event == "fixation")).mean())
    assert np.mean(alike) > 0.94
    found = collector.events()
    assert 250 < found.fixations["duration"].mean() < 350
    assert 2 < found.saccades["amplitude"].mean() < 4
