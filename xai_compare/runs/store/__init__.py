"""What a run keeps on disk: maps in chunks with checksums, journals, records of tasks, the plan, what is done."""

from xai_compare.runs.store.arrays import RERUN_HINT, load, save
from xai_compare.runs.store.checksums import Checked
from xai_compare.runs.store.files import content
from xai_compare.runs.store.journal import Journal, damaged_lines, mend
from xai_compare.runs.store.maps import CHUNK, LEVELS, MapStore, Source, pack, unpack
from xai_compare.runs.store.plan import DONE, PLAN, Done, Finished, Plan, PlannedSource, PlannedTask
from xai_compare.runs.store.records import FOLDER, Records
from xai_compare.runs.store.tables import write_tables

__all__ = [
    "CHUNK",
    "DONE",
    "FOLDER",
    "LEVELS",
    "PLAN",
    "RERUN_HINT",
    "Checked",
    "Done",
    "Finished",
    "Journal",
    "MapStore",
    "Plan",
    "PlannedSource",
    "PlannedTask",
    "Records",
    "Source",
    "content",
    "damaged_lines",
    "load",
    "mend",
    "pack",
    "save",
    "unpack",
    "write_tables",
]
