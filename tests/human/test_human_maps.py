"""Maps averaged over people, against maps drawn and averaged one by one."""

import numpy as np
import pandas as pd
import pytest

from xai_compare.errors import InputError
from xai_compare.human import attention_map, human_maps, read_clicks, read_fixations

IMAGES = {"a.jpg": (30, 40), "b.jpg": (20, 50), "c.jpg": (10, 10)}
FACES = [f"{number}.jpg" for number in (1161, 1190, 1194, 1200, 1285, 1368)]


@pytest.fixture
def frame():
    rng = np.random.default_rng(5)
    people = ["p"] * 12 + ["q"] * 3 + ["r"] * 5
    table = pd.DataFrame({"participant": people, "image": ["a", "b"] * 10, "x": rng.uniform(0, 39, 20)})
    return table.assign(
        y=rng.uniform(0, 19, 20),
        duration=rng.uniform(80, 400, 20),
        correct=pd.array([True, False, True, True, None] * 4, dtype="boolean"),
        response=["anger"] * 10 + ["fear"] * 10,
    )


@pytest.mark.parametrize("weights", [None, "duration"])
def test_each_participant_counts_the_same(frame, weights):
    for made in list(human_maps(frame, IMAGES, 3.0, weights=weights))[:2]:
        own = frame[frame.image == made.image[0]]
        maps = [
            attention_map(one.x, one.y, IMAGES[made.image], 3.0, one[weights] if weights else None)
            for _, one in own.groupby("participant")
        ]
        expected = np.mean([one / one.sum() for one in maps], axis=0)
        np.testing.assert_allclose(made.map, expected, rtol=1e-4, atol=1e-9)
        assert made.map.dtype == np.float32
        assert made.map.sum() == pytest.approx(1, abs=1e-5)
        assert (made.n_participants, made.n_points, made.reason) == (len(maps), len(own), "")


def test_a_picture_nobody_saw_is_nan_with_a_reason(frame):
    made = list(human_maps(frame, IMAGES, 3.0))
    assert [one.image for one in made] == list(IMAGES)
    assert np.isnan(made[2].map).all()
    assert made[2].map.shape == (10, 10)
    assert (made[2].n_participants, made[2].n_points, made[2].reason) == (0, 0, "nobody attended to it")


def test_points_that_weigh_nothing_leave_nobody(frame):
    made = next(human_maps(frame.assign(duration=0.0), IMAGES, 3.0, weights="duration"))
    assert np.isnan(made.map).all()
    assert made.reason == "no point weighs anything by duration"


def test_only_correct_trials(frame):
    right = frame[frame.correct.fillna(False).astype(bool)]
    for made, expected in zip(
        human_maps(frame, IMAGES, 3.0, only_correct=True), human_maps(right, IMAGES, 3.0), strict=True
    ):
        np.testing.assert_array_equal(made.map, expected.map)
        assert made.n_points == expected.n_points


def test_by_further_columns(frame):
    made = list(human_maps(frame, IMAGES, 3.0, by=("image", "response")))
    assert [(one.image, one.group) for one in made] == [
        ("a.jpg", {"response": "anger"}),
        ("a.jpg", {"response": "fear"}),
        ("b.jpg", {"response": "anger"}),
        ("b.jpg", {"response": "fear"}),
        ("c.jpg", {}),
    ]
    part = frame[(frame.image == "a") & (frame.response == "fear")]
    np.testing.assert_array_equal(made[1].map, next(human_maps(part, IMAGES, 3.0)).map)


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({}, {"weights": "duratoin"}, "no column 'duratoin'; did you mean 'duration'"),
        ({}, {"by": ("response",)}, "does not begin with 'image'"),
        ({}, {"by": ("image", "reponse")}, "did you mean 'response'"),
        ({"correct": None}, {"only_correct": True}, "needs the column 'correct'"),
        ({"correct": False}, {"only_correct": True}, "none of 20 points"),
        ({"image": "z"}, {}, "among the pictures"),
    ],
)
def test_refuses_before_the_first_map(frame, change, options, says):
    for name, value in change.items():
        frame = frame.drop(columns=name) if value is None else frame.assign(**{name: value})
    with pytest.raises(InputError, match=says):
        human_maps(frame, IMAGES, 3.0, **options)


@pytest.fixture(scope="module")
def clicks(shared):
    return read_clicks(shared / "osie_bubbleview" / "osie30x30.mat", format="bubbleview")


@pytest.fixture(scope="module")
def gaze(shared):
    return read_fixations(shared / "osie_bubbleview" / "osie-eye-official.mat", format="osie")


@pytest.mark.parametrize(("kind", "people", "n"), [("clicks", 63, 36286), ("gaze", 15, 7117)])
def test_osie_files(request, kind, people, n):
    frame = request.getfixturevalue(kind)
    assert frame.participant.nunique() == people
    assert frame.image.nunique() == 51
    assert len(frame) == n
    assert frame.x.between(-0.5, 639.5).all()
    assert frame.y.between(-0.5, 479.5).all()
    assert (frame.groupby(["participant", "image"]).order.first() == 1).all()


def test_osie_clicks_have_times_and_fixations_durations(clicks, gaze):
    assert (clicks.groupby(["participant", "image"]).time.first() == 0).all()
    assert (clicks.time >= 0).all()
    assert 150 < gaze.duration.median() < 300


@pytest.mark.filterwarnings("ignore:45 images that people saw are left out")
def test_on_faces_people_click_where_people_look(clicks, gaze):
    images = dict.fromkeys(FACES, (480, 640))
    same, other = [], []
    looked = [made.map.ravel() for made in human_maps(gaze, images, 16.0, weights="duration")]
    for i, made in enumerate(human_maps(clicks, images, 16.0)):
        same.append(np.corrcoef(made.map.ravel(), looked[i])[0, 1])
        other.append(np.corrcoef(made.map.ravel(), looked[i - 1])[0, 1])
    assert min(same) > 0.6
    assert np.mean(same) > 0.8
    assert np.mean(other) < 0.4
