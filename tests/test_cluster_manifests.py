"""The manifests and scripts for clusters: their syntax, and that they say what exists."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from treewright.cluster.config import ClusterConfig


@pytest.fixture
def folder(root: Path) -> Path:
    return root / "configs" / "cluster"


def test_the_slurm_script_is_valid_bash(folder: Path) -> None:
    script = folder / "slurm.sbatch"
    subprocess.run(["bash", "-n", str(script)], check=True)
    (python,) = re.findall(r"<<'PYTHON'\n(.*?)\nPYTHON\n", script.read_text(), re.DOTALL)
    compile(python, str(script), "exec")


def test_the_ray_job_mounts_what_it_writes_to_and_has_the_ray_that_is_pinned(
    folder: Path, root: Path
) -> None:
    spec: Any = OmegaConf.to_container(OmegaConf.load(folder / "rayjob.yaml"))
    spec = spec["spec"]
    cluster = spec["rayClusterSpec"]
    assert f"ray=={cluster['rayVersion']}" in (root / "pyproject.toml").read_text()
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for pod in (each["template"]["spec"] for each in pods):
        named = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            mounts = container["volumeMounts"]
            assert {mount["name"] for mount in mounts} == named
            assert "/runs" in {mount["mountPath"] for mount in mounts}
    assert "output_dir=/runs" in spec["entrypoint"]


@pytest.mark.parametrize("name", ["slurm.sbatch", "rayjob.yaml"])
def test_what_is_run_there_exists(name: str, folder: Path, root: Path) -> None:
    text = (folder / name).read_text()
    assert (root / "configs" / "math500_beam_thinkprm.yaml").exists()
    assert "math500_beam_thinkprm" in text
    keys = set(re.findall(r"cluster\.(\w+)=", text))
    assert keys
    assert keys <= set(ClusterConfig.__dataclass_fields__)


RUN = """#!/bin/bash
# Ends at the first SIGTERM, or only at the second; with 0 it heeds none.
left=$2
heard() { left=$((left - 1)); echo "$left" > left; [ "$left" -gt 0 ] || exit 130; }
[ "$left" -eq 0 ] || trap heard TERM
echo begun > begun
while true; do sleep 0.05; done
"""


def until(true: Callable[[], bool]) -> None:
    """Wait for what comes in less than a second; a file that is not there yet is not true."""
    ends = time.monotonic() + 30
    while True:
        with suppress(FileNotFoundError):
            if true():
                return
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.02)


def says(path: Path, text: str) -> bool:
    return path.read_text() == text


@pytest.mark.parametrize("terms", [0, 1, 2])
def test_a_slurm_job_whose_time_ends_is_requeued(folder: Path, tmp_path: Path, terms: int) -> None:
    """A run that has not ended when a second SIGTERM comes is aborted, and goes on later too.

    With 0 it does not hear SIGTERM yet, and dies of it.
    """
    stubs = {
        "treewright": RUN,
        "srun": '#!/bin/bash\necho "fe80::1 127.0.1.1 10.0.0.5"\n',
        "scontrol": '#!/bin/bash\n[ "$1" = show ] && echo here || echo "$@" > requeued\n',
        "python": "#!/bin/bash\n",
    }
    for name, text in stubs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    job = {"SLURM_JOB_NODELIST": "here", "SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "1"}
    environment = {**os.environ, **job, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = ["bash", str(folder / "slurm.sbatch"), str(terms)]
    with subprocess.Popen(words, cwd=tmp_path, env=environment) as process:
        try:
            until(lambda: (tmp_path / "begun").exists())
            for left in reversed(range(terms)):
                process.send_signal(signal.SIGTERM)
                until(partial(says, tmp_path / "left", f"{left}\n"))
            if not terms:
                process.send_signal(signal.SIGTERM)
            assert process.wait(60) == (130 if terms else 143)
        finally:
            process.kill()
    assert (tmp_path / "requeued").read_text() == "requeue 7\n"
