"""The kit without what Windows does not have. Nothing here ran on Windows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Modules of Python that only Unix has, but for fcntl, whose place msvcrt takes in `files.py`. `None` makes their import
# fail as if they were missing.
UNIX_ONLY = ("resource", "grp", "pwd", "termios", "tty", "pty")
MISSING = ("sysconf", "killpg", "getpgid", "setsid", "nice", "statvfs", "getpriority", "fork")
# The standard library decides by `os.name`, so it still imports some of them; it is loaded before they are hidden.
SCRIPT = f"""
import os, multiprocessing.util, pathlib, shutil, subprocess, tarfile, tempfile, sys
for name in {UNIX_ONLY}:
    sys.modules[name] = None
for name in {MISSING}:
    delattr(os, name)

import pkgutil, importlib
import vmevalkit
from vmevalkit import models, runner, scorers, tasks, web

for package in (runner, scorers, tasks, models, web):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)

def frozen(image, prompt, seed):
    return [image] * 9

vmevalkit.make(["maze"], count=1, size=(96, 96))
made = vmevalkit.generate(["replay", frozen], baselines=False)
assert made.made == 2 and not made.failed, made
vmevalkit.score()
print(vmevalkit.report())
from vmevalkit.runner.doctor import machine_memory
assert machine_memory() is None
from vmevalkit.models.wrapper import peak_host_memory
assert peak_host_memory() == 0
"""


def test_the_kit_imports_and_runs_without_modules_of_unix(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py")]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    scores = {path.parts[-4]: path.read_text() for path in (tmp_path / "data" / "scores").rglob("rule.json")}
    assert {name: '"passed": true' in text for name, text in scores.items()} == {"replay": True, "frozen": False}
    assert (tmp_path / "data" / "report" / "index.html").is_file()
