"""The manifests and scripts for clusters: their syntax, and that they say what exists."""

import re
import subprocess
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
