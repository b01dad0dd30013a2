"""Files as eye trackers and experiments write them, made by their specifications from one simulated gaze.

Simulated: two pictures, on each four places looked at for 300 ms, one blink of 150 ms.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np

RATE = 500
IMAGES = ("faces/anger.jpg", "faces/fear.jpg")
PLACES = np.array([[100.0, 120.0], [180.0, 118.0], [140.0, 200.0], [150.0, 90.0]])
LEFT, TOP, WIDTH, HEIGHT = 440, 262, 400, 500
SCREEN = (1280, 1024)
BLINK = slice(320, 395)


def gaze(seed: int = 0) -> list[np.ndarray]:
    """Gaze on each picture: float (600, 3) with ms, x and y in pixels of the picture, NaN while blinking."""
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(len(IMAGES)):
        places = np.repeat(PLACES + 5 * number, 150, axis=0) + rng.normal(0, 0.3, (600, 2))
        places[BLINK] = np.nan
        time = 1000 + 5000 * number + np.arange(600) * 1000 / RATE
        trials.append(np.column_stack([time, places]))
    return trials


def _cell(value: float, comma: bool = False) -> str:
    text = "" if np.isnan(value) else f"{value:.3f}"
    return text.replace(".", ",") if comma else text


def tobii_studio(path: Path, *, comma: bool = False, encoding: str = "utf-8-sig", half: bool = False) -> Path:
    """A Tobii Studio export, tab-separated, as German or English settings write it."""
    header = ("ParticipantName", "MediaName", "MediaPosX (ADCSpx)", "MediaPosY (ADCSpx)", "MediaWidth", "MediaHeight",
              "RecordingResolution", "RecordingTimestamp", "GazeEventType", "GazePointX (ADCSpx)",
              "GazePointY (ADCSpx)", "GazePointX (MCSpx)", "GazePointY (MCSpx)", "PupilLeft", "PupilRight")  # fmt: skip
    lines = ["\t".join(header)]
    for image, trial in zip(IMAGES, gaze(), strict=True):
        lines.append("\t".join(["P1", "", "", "", "", "", "1280 x 1024", "900", "", "", "", "", "", "", ""]))
        for time, x, y in trial:
            event = "Unclassified" if np.isnan(x) else "Fixation"
            cells = ["P1", image, str(LEFT), str(TOP), str(WIDTH), str(HEIGHT), "1280 x 1024", f"{time:.0f}", event]
            cells += [_cell(value, comma) for value in (x + LEFT, y + TOP, x, y, 3.1, 3.3)]
            lines.append("\t".join(cells))
    text = "\n".join(lines) + "\n"
    path.write_bytes((text[:-40] if half else text).encode(encoding))
    return path


def tobii_pro(path: Path) -> Path:
    """A Tobii Pro Lab export with its clock in microseconds and rows of the mouse between those of the eyes."""
    header = ("Recording timestamp", "Sensor", "Participant name", "Recording name", "Recording resolution width",
              "Recording resolution height", "Gaze point X", "Gaze point Y", "Pupil diameter left",
              "Eye movement type", "Presented Stimulus name", "Presented Media width", "Presented Media height",
              "Presented Media position X (DACSpx)", "Presented Media position Y (DACSpx)")  # fmt: skip
    lines = ["\t".join(header)]
    for image, trial in zip(IMAGES, gaze(), strict=True):
        for row, (time, x, y) in enumerate(trial):
            cells = [f"{time * 1000:.0f}", "Eye Tracker", "P1", "Recording1", "1280", "1024", _cell(x + LEFT),
                     _cell(y + TOP), "3.2", "EyesNotFound" if np.isnan(x) else "Fixation", image, str(WIDTH),
                     str(HEIGHT), str(LEFT), str(TOP)]  # fmt: skip
            lines.append("\t".join(cells))
            if row % 50 == 0:
                lines.append("\t".join([cells[0], "Mouse", *cells[2:6], "", "", "", "", *cells[10:]]))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def eyelink(path: Path, *, validation: str = "GOOD ERROR 0.27 avg. 0.83 max", eyes: str = "R") -> Path:
    """An EyeLink recording converted by edf2asc, with the messages of Data Viewer."""
    side = {"R": "RIGHT", "L": "LEFT", "LR": "LEFT\tRIGHT"}[eyes]
    lines = ["** CONVERTED FROM P1.edf using edfapi 4.2.1 Linux Jan 01 2022", "** DATE: Wed Mar  8 09:25:20 2023",
             "** TYPE: EDF_FILE BINARY EVENT SAMPLE TAGS", "** VERSION: EYELINK II 1", "** SOURCE: EYELINK CL",
             "** EYELINK II CL v6.12 Feb  1 2018 (EyeLink Portable Duo)", "**", "",
             "MSG\t500 DISPLAY_COORDS 0 0 1279 1023",
             f"MSG\t600 !CAL VALIDATION HV9 {eyes} {side.split()[0]}  {validation}  OFFSET 0.11 deg. -1.5,-2.8 pix.",
             ]  # fmt: skip
    for number, (image, trial) in enumerate(zip(IMAGES, gaze(), strict=True), start=1):
        begin = int(trial[0, 0])
        lines += [f"MSG\t{begin - 20} TRIALID {number}", f"MSG\t{begin - 10} RECCFG CR {RATE} 2 1 {eyes}",
                  f"MSG\t{begin - 10} GAZE_COORDS 0.00 0.00 1279.00 1023.00",
                  f"START\t{begin - 4} \t{side}\tSAMPLES\tEVENTS", "PRESCALER\t1", "VPRESCALER\t1", "PUPIL\tAREA",
                  f"EVENTS\tGAZE\t{side}\tRATE\t{RATE}.00\tTRACKING\tCR\tFILTER\t2",
                  f"SAMPLES\tGAZE\t{side}\tRATE\t{RATE}.00\tTRACKING\tCR\tFILTER\t2",
                  f"MSG\t{begin} !V IMGLOAD TOP_LEFT {image} {LEFT} {TOP} {WIDTH} {HEIGHT}"]  # fmt: skip
        for row, (time, x, y) in enumerate(trial):
            eye = f"{x + LEFT:7.1f}\t{y + TOP:7.1f}\t  784.0" if np.isfinite(x) else "   .\t   .\t    0.0"
            if row == BLINK.start:
                lines += [f"SBLINK {one} {time:.0f}" for one in eyes]
            if row == BLINK.stop:
                lines += [f"EBLINK {one} {trial[BLINK.start, 0]:.0f}\t{time - 2:.0f}\t150" for one in eyes]
            lines.append(f"{time:.0f}\t" + "\t".join([eye] * len(eyes)) + "\t...")
        end = int(trial[-1, 0])
        lines += [f"END\t{end + 2} \tSAMPLES\tEVENTS\tRES\t  38.54\t  31.12", f"MSG\t{end + 3} TRIAL_RESULT 0"]
    path.write_text("\n".join(lines) + "\n", "ascii")
    return path


def gazepoint(path: Path) -> Path:
    """A Gazepoint Analysis export of all gaze: fractions of the screen, seconds from each picture's onset."""
    lines = ["MEDIA_ID,MEDIA_NAME,CNT,TIME(2026/03/01 10:00:00.000),TIMETICK(f=10000000),FPOGX,FPOGY,FPOGS,FPOGD,"
             "FPOGID,FPOGV,BPOGX,BPOGY,BPOGV,LPMM,LPMMV,RPMM,RPMMV,"]  # fmt: skip
    for number, (image, trial) in enumerate(zip(IMAGES, gaze(), strict=True)):
        for row, (time, x, y) in enumerate(trial):
            valid = int(np.isfinite(x))
            across, down = ((np.nan_to_num(v + at) + 0.5) / n for v, at, n in ((x, LEFT, 1280), (y, TOP, 1024)))
            seconds = (time - trial[0, 0]) / 1000
            lines.append(f"{number},{image},{row},{seconds:.5f},0,{across:.6f},{down:.6f},0,0,1,{valid},"
                         f"{across:.6f},{down:.6f},{valid},3.1,1,3.3,1,")  # fmt: skip
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def smi(path: Path) -> Path:
    """An SMI BeGaze export of raw data."""
    lines = ["## [BeGaze]", "## Converted from:\tP1.idf", "## Date:\t08.03.2023 09:25:20", "## Version:\tBeGaze 3.7.40",
             "## Sample Rate:\t500", "## [Calibration]", "## Calibration Area:\t1280\t1024",
             "Time\tType\tTrial\tL POR X [px]\tL POR Y [px]\tL Mapped Diameter [mm]\tTiming\tPupil Confidence\t"
             "L Event Info\tStimulus"]  # fmt: skip
    for number, (image, trial) in enumerate(zip(IMAGES, gaze(), strict=True), start=1):
        lines.append(f"{trial[0, 0] * 1000:.0f}\tMSG\t{number}\t# Message: {image}")
        for time, x, y in trial:
            eye = f"{x + LEFT:.2f}\t{y + TOP:.2f}\t3.10" if np.isfinite(x) else "0.00\t0.00\t0.00"
            event = "Fixation" if np.isfinite(x) else "Blink"
            lines.append(f"{time * 1000:.0f}\tSMP\t{number}\t{eye}\t0\t1\t{event}\t{image}")
    path.write_text("\n".join(lines) + "\n", "ascii")
    return path


def bids(folder: Path, *, units: str = "pixel") -> Path:
    """A BIDS eye-tracking run: samples without a header, their JSON, and the events with pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = "sub-P1_task-faces_run-1"
    rows, events = [], ["onset\tduration\ttrial_type\tstim_file"]
    for image, trial in zip(IMAGES, gaze(), strict=True):
        rows += [f"{time}\tn/a\tn/a\tn/a" for time in range(1000 + 2 * len(rows), int(trial[0, 0]), 2)]
        rows += [f"{time:.0f}\t{x + LEFT:.3f}\t{y + TOP:.3f}\t3.1".replace("nan", "n/a") for time, x, y in trial]
        events.append(f"{(trial[0, 0] - 1000) / 1000}\t1.2\tface\t{image}")
    path = folder / f"{stem}_recording-eye1_physio.tsv.gz"
    path.write_bytes(gzip.compress(("\n".join(rows) + "\n").encode()))
    about = {"SamplingFrequency": RATE, "StartTime": 0, "PhysioType": "eyetrack", "RecordedEye": "left",
             "SampleCoordinateSystem": "gaze-on-screen",
             "Columns": ["timestamp", "x_coordinate", "y_coordinate", "pupil_size"],
             "timestamp": {"Units": "ms"}, "x_coordinate": {"Units": units}, "y_coordinate": {"Units": units},
             }  # fmt: skip
    (folder / f"{stem}_recording-eye1_physio.json").write_text(json.dumps(about))
    (folder / f"{stem}_events.tsv").write_text("\n".join(events) + "\n")
    shown = {"ScreenDistance": 0.6, "ScreenSize": [0.38, 0.304], "ScreenResolution": list(SCREEN)}
    (folder / f"{stem}_events.json").write_text(json.dumps({"StimulusPresentation": shown}))
    return path


def plain(path: Path) -> Path:
    """Samples as named columns of delimited text."""
    lines = ["participant,image,time,x,y,pupil"]
    for image, trial in zip(IMAGES, gaze(), strict=True):
        lines += [f"P1,{image},{time:.0f},{_cell(x)},{_cell(y)},3.2" for time, x, y in trial]
    path.write_text("\n".join(lines) + "\n")
    return path
