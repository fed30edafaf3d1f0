"""Try a wheel as a newcomer would: installed into a new environment, away from the checkout.

    python tests/try_wheel.py dist/gancompress-0.1.0-py3-none-any.whl

Its dependencies are those of the environment that runs this, lent by a path file, so that nothing
large is installed twice; with --download they are installed as pip finds them. The quickstart's
recipe is run with a few steps of each stage, enough to see that every part is there.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

# The quickstart in seconds.
SHORT = (
    "threads=1", "teach.steps=20", "collect.count=200", "collect.held_out=64", "distill.steps=10",
    "distill.validate_every=0", "search.trials=8", "search.score_samples=32", "search.screened=2",
    "search.screen_samples=50", "search.finalists=1", "search.finalist_samples=60",
    "search.calibration_batches=1", "evaluate.samples=60", "evaluate.classifier_steps=10",
    "evaluate.latency_runs=3",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--download", action="store_true", help="install the dependencies anew")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        scripts = install(options.wheel.resolve(), Path(folder) / "venv", options.download)
        away = Path(folder) / "away"
        away.mkdir()
        tried(scripts / "gancompress", away)
    print(f"{options.wheel.name}: installs and runs")


def install(wheel: Path, place: Path, download: bool) -> Path:
    """A new environment with the wheel in it; returns the folder of its commands."""
    venv.create(place, with_pip=True)
    scripts = place / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    what = f"{wheel}[onnx]" if download else str(wheel)
    quiet = ["--quiet", "--disable-pip-version-check", *([] if download else ["--no-deps"])]
    run([python, "-m", "pip", "install", *quiet, what], place)
    if not download:
        named = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
        site = Path(run([python, "-c", named], place).strip())
        (site / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return scripts


def tried(command: Path, away: Path) -> None:
    """The newcomer's commands in an empty folder."""
    python = command.with_name("python")
    where = run([python, "-c", "import gancompress; print(gancompress.__file__)"], away)
    assert str(command.parents[1]) in where, f"not the wheel's: {where}"
    start = time.perf_counter()
    run([command, "--help"], away)
    print(f"gancompress --help: {time.perf_counter() - start:.2f} s")
    assert "quickstart" in run([command, "recipe", "ls"], away)
    run([command, "recipe", "cp", "quickstart", "."], away)
    run([command, "recipe", "cp", "style", "."], away)
    assert (away / "examples" / "style_wave.py").is_file()
    run([command, "run", "quickstart.yaml", *SHORT], away)
    assert list(away.glob("runs/*/export/student.onnx"))


def run(words: list[str | Path], folder: Path) -> str:
    """What a command prints; its errors are shown where it fails."""
    alone = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(words, cwd=folder, env=alone, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
