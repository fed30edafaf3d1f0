"""The notebook that shows how to compress one's own generator runs from top to bottom."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_notebook_runs():
    words = [sys.executable, "-m", "pytest", "--nbmake", "-q", "-p", "no:xdist",
             "-p", "no:cacheprovider", "examples/compress_your_generator.ipynb"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
