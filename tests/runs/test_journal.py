"""Journals survive a kill at any byte; files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xai_compare.files import digest, slug, write_atomically
from xai_compare.runs.store import Journal


def test_later_records_replace_earlier_ones(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "j.jsonl")
    journal.add({"a": {"n": 1}, "b": {"n": 2}})
    journal.add({"a": {"n": 3}})
    again = Journal(journal.path)
    assert again.get("a") == {"key": "a", "n": 3}
    assert again.get("b") == {"key": "b", "n": 2}
    assert again.get("c") is None


@pytest.mark.parametrize("name", ["ä.png", "表情\u202e.png", "a\u2028b", "a\x85b", "a\x0bb", "a\nb", '"', "\udcff.png"])
def test_any_file_name_is_a_key(tmp_path: Path, name: str) -> None:
    Journal(tmp_path / "j.jsonl").add({name: {"reason": name}})
    assert Journal(tmp_path / "j.jsonl").get(name) == {"key": name, "reason": name}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 200))
def test_torn_at_any_byte(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "j.jsonl"
    path.unlink(missing_ok=True)
    Journal(path).add({"first": {"n": 1}})
    whole = path.read_bytes()
    Journal(path).add({"zweite-é表": {"n": 2}})
    cut = max(len(whole), path.stat().st_size - cut)
    path.write_bytes(path.read_bytes()[:cut])
    journal = Journal(path)
    assert journal.get("first") == {"key": "first", "n": 1}
    assert journal.get("zweite-é表") in (None, {"key": "zweite-é表", "n": 2})
    journal.add({"third": {"n": 3}})
    again = Journal(path)
    assert again.get("first") == {"key": "first", "n": 1}
    assert again.get("third") == {"key": "third", "n": 3}


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[1, 2]", b"7", b"{}", b"null", b"\0\0\0", b'{"key": 3'])
def test_lines_that_are_no_records_are_passed_over(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "j.jsonl"
    Journal(path).add({"a": {"n": 1}})
    path.write_bytes(line + b"\n" + path.read_bytes() + line)
    assert Journal(path).get("a") == {"key": "a", "n": 1}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "file.txt"
    write_atomically(path, "old")

    def full_disk(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new, but longer")
    assert path.read_text() == "old"


def test_unlike_names_have_unlike_slugs() -> None:
    names = [("a", "b"), ("a--b",), ("a/b",), ("a_b",), ("a b",), ("é",), ("è",), ("..",), ("x" * 300,), ("x" * 301,)]
    slugs = [slug(*one) for one in names if one != ("a--b",)]
    assert len(set(slugs)) == len(slugs)
    assert all("/" not in one and one not in (".", "..", "") and len(one) < 120 for one in slugs)


def test_digests_do_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})
