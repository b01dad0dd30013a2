"""Pages stay with the process while much is computed, and only then."""

from __future__ import annotations

import resource
import subprocess
import sys

import numpy as np
import pytest
import torch

from xai_compare import allocator
from xai_compare.models.engine import computes_bf16

PROGRAM = """
import resource, sys
import numpy as np
from contextlib import nullcontext
from xai_compare.allocator import pages_kept

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(40):
        many = [np.full(3 * 2**17, 1.0) for _ in range(8)]  # 3 MB each: too small for huge pages
        del many
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with pages_kept() if sys.argv[1] == "kept" else nullcontext():
    faults()
    print(faults())
"""

glibc = pytest.mark.skipif(allocator._glibc() is None, reason="another C library than glibc")


def _faults(mode: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True, timeout=120
    )
    return int(done.stdout)


@glibc
def test_pages_are_not_faulted_in_anew() -> None:
    plain = _faults("plain")
    if plain < 4000:
        pytest.skip("this system keeps the pages by itself")
    assert _faults("kept") < plain / 10


@glibc
def test_it_may_be_nested_and_ends_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(allocator, "_set", lambda libc, options: calls.append(options))

    def fail() -> None:
        with allocator.pages_kept(), allocator.pages_kept():
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert calls == [allocator.KEEP, allocator.SET_BACK]
    assert allocator._users == 0


def test_other_systems_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "_glibc", lambda: None)
    with allocator.pages_kept(release=True):
        assert np.ones(3).sum() == 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


@pytest.mark.parametrize(("most", "may"), [("AVX2", False), ("avx512_core", False), ("AVX512_CORE_BF16", True)])
def test_bfloat16_is_not_used_where_onednn_may_not(most: str, may: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", most)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert computes_bf16(torch.device("cpu")) is may
