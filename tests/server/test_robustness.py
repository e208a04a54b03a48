# SPDX-License-Identifier: Apache-2.0
"""The lines of the robustness list (robustness/run.py) that take seconds. The others, and the full
counts, are run.py's own."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "robustness"))

import run  # noqa: E402

LINES = run.all_lines()
# These wait for time limits of 5 to 60 s, or measure.
LONG = {"C1", "C2", "C3", "C9", "B5", "O1", "X1", "X4"}


@pytest.fixture(scope="module")
def setting(seed):
    setting = run.Setting(seed=seed)
    yield setting
    problems = setting.close()
    assert not problems, problems


@pytest.mark.parametrize("name", [name for name in LINES if name not in LONG])
def test_line(setting, name):
    try:
        print(name, LINES[name][1](setting))
    except run.NotApplicable as reason:
        pytest.skip(str(reason))
