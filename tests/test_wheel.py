"""What people install: a wheel with all that the package needs, and the README's quick start."""

import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]
# what a reader of the quick start has already
OWN_MODEL = """
from torch.utils.data import DataLoader, Subset

data = calibkit.Glyphs100(400, seed=2)
model = calibkit.glyphs100_resnet20()
calib_loader = DataLoader(Subset(data, range(200)), batch_size=100)
test_loader = DataLoader(Subset(data, range(200, 400)), batch_size=100)
"""
OWN_TABLE = """
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

wine = load_wine()
features, test_features, labels, test_labels = train_test_split(
    wine.data, wine.target_names[wine.target], random_state=0
)
new_features = test_features
"""


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, check=False, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    if "WHEEL" in os.environ:  # the one that a release publishes
        return Path(os.environ["WHEEL"]).resolve()
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(folder), str(ROOT), cwd=folder)
    (built,) = folder.glob("calibkit-*-py3-none-any.whl")
    return built


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    tracked = run("git", "ls-files", "calibkit", cwd=ROOT).split()
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    about = [name for name in names if ".dist-info/" in name]
    assert sorted(set(names) - set(about)) == sorted(tracked)
    assert {Path(name).name for name in about if "/licenses/" in name} == {
        "LICENSE",
        "LICENSE_DEJAVU",
        "LICENSE_SMOLLM2",
        "LICENSE_STIX",
    }
    assert wheel.stat().st_size < 8_000_000  # most of it are the embedded logits and weights


def test_the_quick_start_of_the_readme_runs_from_the_wheel(wheel, tmp_path):
    run(
        *(sys.executable, "-m", "pip", "install", "--no-deps", "--target", "installed"),
        str(wheel),
        cwd=tmp_path,
    )
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    torch_door, sklearn_door = blocks
    assert all(len(block.strip().splitlines()) <= 6 for block in blocks)
    imports, _, lines = torch_door.partition("\n\n")
    sklearn_imports, _, sklearn_lines = sklearn_door.partition("\n\n")
    (tmp_path / "quick_start.py").write_text(
        "import sys\nsys.path.insert(0, 'installed')\n"
        f"{imports}\n{OWN_MODEL}\n{lines}\nprint(calibkit.__file__)\n"
        f"{sklearn_imports}\n{OWN_TABLE}\n{sklearn_lines}\n"
    )
    printed = run(sys.executable, "quick_start.py", cwd=tmp_path)
    assert str(tmp_path / "installed" / "calibkit") in printed
    assert "ECE" in printed
    assert "n = 200" in printed
    assert "n = 45, 3 classes" in printed
