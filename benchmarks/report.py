"""`prm report` on made runs of growing size: seconds, and whether they grow with the rows alone.

Runs of about 2,500, 5,000 and 10,000 solutions are made without a model (tests/made_runs.py), with
eight Best-of-N samples, K = 8 and 1,000 resamples. Each is then read and written as a page in a
process of its own, in turn with the rival: pandas reading the same Parquet tables and writing them
out with `DataFrame.to_html`, without a figure, an interval or a filter.

    python benchmarks/report.py [--rounds 3] [--folder DIR]

Printed are medians over rounds of wall and CPU seconds and the size of the page; with Chromium,
seconds until the page has its list and until a search over all texts is done.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from headless import CHROMIUM, Page  # noqa: E402
from made_runs import make_run  # noqa: E402

SIZES = {2_500: (150, 50, 27), 5_000: (300, 100, 53), 10_000: (600, 200, 106)}
"""Problems a split to label, to find errors in, and for Best-of-N, by about how many solutions."""
RIVAL = """
import sys, pathlib, pandas
folder = pathlib.Path(sys.argv[1])
parts = [pandas.read_parquet(f).to_html() for f in sorted(folder.glob("*.parquet"))]
(folder / "pandas.html").write_text("".join(parts), encoding="utf-8")
"""
OURS = "import sys; from prmkit.cli.main import main; sys.argv[0] = 'prm'; main()"


class Timing(NamedTuple):
    """What one process took."""

    wall_s: float
    cpu_s: float


def timed(command: list[str]) -> Timing:
    """Run a command; its time."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timing(wall_s, cpu_s)


def made(folder: Path, size: int) -> Path:
    """A run of about so many solutions, made unless it is there."""
    path = folder / f"made-{size}"
    if not (path / "report.json").exists():
        n_train, n_process, n_best_of_n = SIZES[size]
        problems = (
            f"{{n_train: {n_train}, n_validation: 20, n_process: {n_process}, "
            f"n_best_of_n: {n_best_of_n}}}"
        )
        make_run(
            path,
            problems=problems,
            rollouts__k="8",
            evaluation__best_of="8",
            evaluation__process_cases="100",
            evaluation__resamples="1000",
        )
    return path


def in_browser(page: Path) -> str:
    """Seconds until the list is there, and for a search over every text."""
    if not CHROMIUM:
        return "no Chromium"
    with Page() as browser:
        started = time.perf_counter()
        browser.open(page)
        loaded_s = time.perf_counter() - started
        started = time.perf_counter()
        browser.run(
            "(async () => { const box = document.querySelector('input[type=search]');"
            " const count = document.querySelector('.count'), before = count.textContent;"
            " box.value = 'boxed{7}'; box.dispatchEvent(new Event('input'));"
            " while (count.textContent === before) await new Promise(r => setTimeout(r, 10)); })()"
        )
        searched_s = time.perf_counter() - started
    return f"list after {loaded_s:.2f} s, first search {searched_s:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to keep the made runs")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="report-benchmark-"))
    folder.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        run = made(folder, size)
        ours, rival = list[Timing](), list[Timing]()
        for _ in range(options.rounds):
            ours.append(timed([sys.executable, "-c", OURS, "report", str(run)]))
            rival.append(timed([sys.executable, "-c", RIVAL, str(run)]))
        page = run / "report.html"
        for name, found, file in (("ours", ours, page), ("pandas", rival, run / "pandas.html")):
            wall, cpu = (statistics.median(x) for x in zip(*found, strict=True))
            print(
                f"{size:>6,} solutions, {name:<6}: {wall:6.2f} s wall, {cpu:6.2f} s CPU, "
                f"{file.stat().st_size / 1e6:5.1f} MB"
            )
        print(f"{size:>6,} solutions, in the browser: {in_browser(page)}")


if __name__ == "__main__":
    main()
