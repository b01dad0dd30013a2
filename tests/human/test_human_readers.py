"""Reading clicks and fixations: what is kept, what is dropped and counted, and what is refused in one clear line."""

import gzip
from importlib.metadata import EntryPoint

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from xai_compare.errors import InputError
from xai_compare.human import FORMATS, click_formats, fixation_formats, read_clicks, read_fixations, recognise, register

PLAIN = "participant,image,x,y\n07,a.jpg,1.5,2\n07,a.jpg,3,4\n08,b.jpg,5,6\n"


@pytest.fixture
def write(tmp_path):
    def write(content, name="points.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_clicks_are_typed(write):
    frame = read_clicks(write(PLAIN))
    assert list(frame) == ["participant", "image", "x", "y"]
    assert list(frame.participant) == ["07", "07", "08"]
    np.testing.assert_array_equal(frame[["x", "y"]], [[1.5, 2], [3, 4], [5, 6]])
    assert frame.attrs["points"] == 3
    assert frame.attrs["dropped"] == {"no coordinates": 0}


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("participant", " Subject ID ").replace(",x,y", ",click_x,Click-Y"),
    ],
    ids=["byte-order-mark", "semicolons", "tabs", "crlf", "blank-rows", "aliases"],
)
def test_dialects_read_alike(write, content):
    pd.testing.assert_frame_equal(read_clicks(write(content)), read_clicks(write(PLAIN, "plain.csv")), check_like=True)


def test_compressed(write):
    assert len(read_clicks(write(gzip.compress(PLAIN.encode()), "points.csv.gz"))) == 3


def test_aliases_are_told(write):
    frame = read_clicks(write("observer,picture,x,y,keep\np,a,1,2,me\n"))
    assert frame.attrs["renamed"] == {"observer": "participant", "picture": "image"}
    assert list(frame.keep) == ["me"]


def test_points_without_a_place_are_dropped_and_counted(write):
    frame = read_clicks(write(PLAIN + "08,b.jpg,,6\n08,b.jpg,NaN,NA\n08,b.jpg,inf,1\n"))
    assert len(frame) == 3
    assert frame.attrs["dropped"] == {"no coordinates": 3}


def test_fixations_without_a_duration_are_dropped_and_counted(write):
    frame = read_fixations(write("participant,image,x,y,duration\np,a,1,2,200\np,a,1,2,\n"))
    assert list(frame.duration) == [200.0]
    assert frame.attrs["dropped"] == {"no coordinates": 0, "no duration": 1}


def test_two_alternative_task(write):
    rows = "p,a,1,2,Happy,happiness,sadness\np,a,1,2,sad,happiness,sadness\np,a,1,2,,happiness,sadness\n"
    frame = read_clicks(write("participant,image,x,y,response,label,false_label\n" + rows))
    assert frame.correct.tolist() == [True, False, pd.NA]
    assert list(frame.false_label) == ["sadness"] * 3


def test_correct_is_truth(write):
    frame = read_clicks(write("participant,image,x,y,correct\np,a,1,2,1\np,a,1,2,FALSE\np,a,1,2,\n"))
    assert frame.correct.tolist() == [True, False, pd.NA]


def test_several_files(write, tmp_path):
    write(PLAIN, "one.csv"), write(PLAIN + "9,c,,\n", "two.csv")
    for given in (tmp_path / "*.csv", str(tmp_path / "*.csv"), [tmp_path / "one.csv", tmp_path / "t*.csv"]):
        frame = read_clicks(given)
        assert len(frame) == 6
        assert frame.attrs["points"] == 7
        assert frame.attrs["dropped"] == {"no coordinates": 1}
        assert [name[-7:] for name in frame.attrs["files"]] == ["one.csv", "two.csv"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        ("participant,image,x,y\n", "no row below its header"),
        (",,,\n1,2,3,4\n", "first row is blank"),
        (PLAIN.replace("image", "imgae"), "no column 'image'; did you mean 'imgae'"),
        (PLAIN.replace(",y", ",zzzz"), "no column 'y'; its columns: participant, image, x, zzzz"),
        (PLAIN.replace(",y", ",x"), "header has 'x' more than once"),
        (PLAIN.replace(",y", ",X"), "more than one column is called 'x'"),
        (PLAIN.replace("image,x", "subject,observer").replace("participant", "image"), "could each be the column"),
        (PLAIN.replace("3,4", "left,4"), "row 3: x 'left' is not a number"),
        ('participant,image,x,y\np,a,"1,5 px",2\n', "row 2: x '1,5 px' is not a number; write decimals with a point"),
        (PLAIN.replace("3,4", "3,4,5"), "row 3 has 5 cells where the header has 4"),
        (PLAIN.replace("08,b.jpg", "08,"), "row 4: image '' is empty"),
        (
            PLAIN.replace(",y", ",y,correct").replace("\n", ",maybe\n").replace("correct,maybe", "correct"),
            "row 2: corr",
        ),
        ("participant,image,x,y\np,a,,\n", "none of its 1 points can be used"),
        ("participant,image,x,y\nJosé,a,1,2\n".encode("latin-1"), "not UTF-8"),
        (PLAIN.encode("utf-16-le"), "UTF-16 without a byte-order mark"),
    ],
)
def test_refuses_clicks(write, content, says):
    path = write(content)
    with pytest.raises(InputError) as error:
        read_clicks(path)
    assert says in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        "participant;image;x;y\np;a;1240,5;2\np;a;3;-4,25\n",
        "sep=;\r\nparticipant;image;x;y\r\np;a;1240,5;2\r\np;a;3;-4,25\r\n",
        "participant;image;x;y\np;a;1.240,5;2\np;a;3;-4,25\n",
        "participant;image;x;y\np;a;1 240,5;2\np;a;3;-4,25\n",
        'participant,image,x,y\np,a,"1,240.5",2\np,a,3,-4.25\n',
        'participant,image,x,y\np,a,"1240,5",2\np,a,3,"-4,25"\n',
        "participant\timage\tx\ty\np\ta\t1'240.5\t2\np\ta\t3\t-4.25\n",
        "\ufeffparticipant;image;x;y\np;a;1240,5;2\np;a;3;-4,25\n",
        "participant;image;x;y\np;a;1240,5;2\np;a;3;-4,25\n".encode("utf-16"),
        "sep=\t\nparticipant\timage\tx\ty\np\ta\t1240,5\t2\np\ta\t3\t-4,25\n".encode("utf-16"),
    ],
)
def test_tables_that_spreadsheets_write(write, content):
    path = write(content)
    assert read_clicks(path)[["x", "y"]].to_numpy().tolist() == [[1240.5, 2], [3, -4.25]]
    assert recognise(path)[0].name == "clicks"


def test_refuses_negative_durations_and_their_absence(write):
    with pytest.raises(InputError, match=r"row 2: duration '-1\.0' is negative \(and 1 more\)"):
        read_fixations(write("participant,image,x,y,duration\np,a,1,2,-1\np,a,1,2,-2\n"))
    with pytest.raises(InputError, match="no column 'duration'"):
        read_fixations(write(PLAIN))


def test_refuses_absent_files_and_folders(tmp_path):
    for given in (tmp_path / "no.csv", str(tmp_path / "*.csv"), []):
        with pytest.raises(InputError, match="no "):
            read_clicks(given)
    with pytest.raises(InputError, match="is a folder"):
        read_clicks(tmp_path)


def test_broken_gzip(write):
    with pytest.raises(InputError, match="cannot be read"):
        read_clicks(write(b"not gzip", "points.csv.gz"))


def test_formats_are_named():
    assert {"clicks", "bubbleview"} <= set(click_formats())
    assert {"fixations", "osie"} <= set(fixation_formats())
    with pytest.raises(InputError, match="did you mean 'bubbleview'"):
        read_clicks("x", format="bubleview")


def test_a_new_format_is_a_function_and_a_line(monkeypatch, write):
    FORMATS.names()
    monkeypatch.setattr(FORMATS, "_things", dict(FORMATS._things))

    @register("mine", yields="clicks")
    def mine(path):
        return pd.DataFrame({"user": ["p"], "image": ["a"], "x": ["1"], "y": [2]}, index=[9])

    assert read_clicks(write("anything"), format="mine").x.tolist() == [1.0]
    assert "mine" in click_formats()
    with pytest.raises(InputError, match="holds clicks, not fixations"):
        read_fixations(write("anything"), format="mine")


def test_a_format_of_another_package(monkeypatch, tmp_path, write):
    """One file and one entry point, and a study may name it."""
    (tmp_path / "their_lab.py").write_text(
        "import pandas as pd\n"
        "from xai_compare.human.formats import register\n"
        "@register('their_lab', yields='fixations',"
        " recognise=lambda head: 'its mark' * head.text.startswith('THEIR'))\n"
        "def their_lab(path):\n"
        "    return pd.DataFrame({'user': ['p'], 'image': ['a'], 'x': [1], 'y': [2], 'duration': [200]})\n"
    )
    FORMATS.names()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(FORMATS, "_things", dict(FORMATS._things))
    point = EntryPoint("their_lab", "their_lab:their_lab", "xai_compare.readers")
    monkeypatch.setattr(FORMATS, "_plugins", lambda: {"their_lab": point})
    assert "their_lab" in fixation_formats()
    assert read_fixations(write("THEIR DATA"), format="auto").duration.tolist() == [200.0]


@pytest.mark.parametrize(
    ("content", "name"), [(PLAIN, "clicks"), ("participant,image,x,y,duration\np,a,1,2,200\n", "fixations")]
)
def test_recognises(write, content, name):
    found, why = recognise(write(content))
    assert found.name == name
    assert "columns" in why


def test_recognises_nothing(write):
    with pytest.raises(InputError, match="not recognised; name it: "):
        recognise(write("a,b\n1,2\n"))


def test_recognises_matlab(shared):
    folder = shared / "osie_bubbleview"
    assert recognise(folder / "osie30x30.mat")[0].name == "bubbleview"
    assert recognise(folder / "osie-eye-official.mat")[0].name == "osie"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no MATLAB file at all, not by a long way" * 9, "not a readable MATLAB file"),
        ({"bible": 1}, "no struct 'bubble'"),
        ({"bubble": np.arange(3)}, "not laid out"),
    ],
    ids=["text", "other-name", "other-layout"],
)
def test_refuses_matlab_files(tmp_path, content, says):
    path = tmp_path / "clicks.mat"
    path.write_bytes(content) if isinstance(content, bytes) else savemat(path, content)
    with pytest.raises(InputError, match=says):
        read_clicks(path, format="bubbleview")


def test_matlab_times(tmp_path):
    fixations = {"enc": np.array([[1.0, 2.0], [3.0, 4.0]]), "rec": np.empty((0, 0))}
    stamps = np.array([["2016-04-20 12:53:12"], ["2016-04-20 12:53:15"]], dtype=object)
    people = np.array([({**fixations, "enc_time": stamps},), (np.empty((0, 0)),)], dtype=[("fixations", object)])
    bubble = np.array([("a.jpg", people)], dtype=[("filename", object), ("userdata", object)])
    savemat(tmp_path / "clicks.mat", {"bubble": bubble})
    frame = read_clicks(tmp_path / "clicks.mat", format="bubbleview")
    assert frame.to_dict("list") == {
        "participant": ["01", "01"],
        "image": ["a.jpg"] * 2,
        "x": [1.0, 3.0],
        "y": [2.0, 4.0],
        "order": [1.0, 2.0],
        "time": [0.0, 3000.0],
    }
