"""Several processes: the same training as one, whoever starts them; one that dies ends all."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tintype.train import checkpoint

STEPS = 50
SETTINGS = [
    "generator.levels=5", "generator.width=4", "generator.norm=instance", "generator.dropout=0",
    "discriminator.width=4", "discriminator.layers=2", "discriminator.norm=instance",
    "holdout_images=4", "look_images=4", "data.draw_images=null", "stages.gan.epochs=null",
    f"stages.gan.total_images={4 * STEPS}", "stages.gan.batch_images=4",
    "stages.gan.load_px=64", "stages.gan.crop_px=64", "look_every_images=10000",
    "checkpoint_every_images=80", "precision=32-true", "workers=0",
    "stages.gan.l1=huber",  # the gradient of L1 jumps at 0, where rounding decides
]  # fmt: skip


def arguments(photos: Path, out: Path, *more: str) -> list[str]:
    settings = [word for setting in [*SETTINGS, *more] for word in ("--set", setting)]
    return ["train", "coco-pix2pix", "--data", str(photos), "--out", str(out), *settings]


def run(starter: list[str], photos: Path, out: Path, *more: str) -> None:
    command = [*starter, *arguments(photos, out, *more)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr[-3000:]


def losses(out: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [row["losses"] for row in rows if "losses" in row]


EVERY_STEP = """
from tintype.cli import main
from tintype.train import loop

loop.LOG_EVERY_STEPS = 1
main()
"""
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]

FABRIC = [sys.executable, "-m", "lightning_fabric.cli", "--devices=2", "--accelerator=cpu"]


@pytest.fixture(scope="module")
def script(tmp_path_factory) -> str:
    """The command line, with a log of every step."""
    path = tmp_path_factory.mktemp("script") / "every_step.py"
    path.write_text(EVERY_STEP)
    return str(path)


@pytest.fixture(scope="module")
def one(photo_folder, tmp_path_factory, script) -> Path:
    out = tmp_path_factory.mktemp("one")
    run([sys.executable, script], photo_folder, out)
    return out


@pytest.mark.parametrize("starter", ["recipe", "torchrun", "fabric"])
def test_two_processes_train_as_one(photo_folder, tmp_path, one, script, starter):
    if starter == "torchrun":
        run([*TORCHRUN, script], photo_folder, tmp_path, "machine.accelerator=cpu")
    elif starter == "fabric":
        run([*FABRIC, script], photo_folder, tmp_path)
    else:
        run([sys.executable, script], photo_folder, tmp_path, "machine.devices=2")
    want, got = losses(one), losses(tmp_path)
    assert len(want) == len(got) == STEPS
    for a, b in zip(want[:20], got[:20], strict=True):
        for name in ("l1", "adversarial", "d"):
            assert a[name] == pytest.approx(b[name], abs=1e-4)
    for a, b in zip(want, got, strict=True):  # rounding is told, and tells on
        assert a["l1"] == pytest.approx(b["l1"], rel=0.01)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in one.iterdir())


def test_a_process_that_dies_ends_the_job_and_another_number_goes_on(photo_folder, tmp_path):
    more = ["machine.accelerator=cpu", "stages.gan.total_images=4000"]
    command = [*TORCHRUN, "-m", "tintype", *arguments(photo_folder, tmp_path, *more)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    latest = tmp_path / "checkpoints" / "latest.pt"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as job:
        deadline = time.time() + 120
        while time.time() < deadline and not latest.exists():
            time.sleep(0.05)
        children = Path(f"/proc/{job.pid}/task/{job.pid}/children")
        if not children.exists():
            job.kill()
            pytest.skip("this system does not tell a process's children")
        victim = int(children.read_text().split()[-1])
        os.kill(victim, signal.SIGKILL)
        job.communicate(timeout=60)
    assert job.returncode != 0
    before = checkpoint.load(latest)["images"]
    assert 80 <= before < 4000
    goes_on = [sys.executable, "-m", "tintype", *arguments(photo_folder, tmp_path, *more)]
    with subprocess.Popen(goes_on, stderr=subprocess.PIPE, text=True, env=environment) as alone:
        deadline = time.time() + 120
        while time.time() < deadline and checkpoint.load(latest)["images"] == before:
            time.sleep(0.05)
        alone.send_signal(signal.SIGINT)
        alone.communicate(timeout=60)
    assert alone.returncode == 130
    assert checkpoint.load(latest)["images"] > before


def test_a_batch_that_cannot_be_shared(photo_folder, tmp_path):
    three = [*TORCHRUN[:-1], "--nproc-per-node=3", "-m", "tintype"]
    command = [*three, *arguments(photo_folder, tmp_path, "machine.accelerator=cpu")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "stages.gan.batch_images: 4 cannot be shared by 3 processes" in done.stderr
