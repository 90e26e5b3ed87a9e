"""The files in deploy/cluster against a schema that is kept by hand: fields of KubeRay's and Kubernetes' own types."""

from __future__ import annotations

import copy
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tools import ROOT, tool_parser

FOLDER = ROOT / "deploy" / "cluster"
TEXT, COUNT, SWITCH = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}
TEXTS = {"type": "object", "additionalProperties": TEXT}


def fields(required: str, **known: Any) -> dict[str, Any]:
    """Return the schema of an object that has these fields and no others."""
    return {"type": "object", "properties": known, "required": required.split(), "additionalProperties": False}


def several(item: Any) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}


QUANTITY = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?([mkMGT]|[KMGT]i)?$"}
AMOUNTS = fields("cpu memory", **{"cpu": QUANTITY, "memory": QUANTITY, "nvidia.com/gpu": QUANTITY})
CONTAINER = fields(
    "name image", name=TEXT, image=TEXT, command=several(TEXT), args=several(TEXT),
    imagePullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
    env=several(fields("name value", name=TEXT, value=TEXT)),
    envFrom=several(fields("", secretRef=fields("name", name=TEXT), configMapRef=fields("name", name=TEXT))),
    resources=fields("requests limits", requests=AMOUNTS, limits=AMOUNTS),
)  # fmt: skip
POD = fields(
    "containers", containers=several(CONTAINER), nodeSelector=TEXTS, serviceAccountName=TEXT,
    restartPolicy={"enum": ["Always", "OnFailure", "Never"]},
)  # fmt: skip
TEMPLATE = fields("spec", metadata=fields("", labels=TEXTS, annotations=TEXTS), spec=POD)
HEAD = fields("rayStartParams template", rayStartParams=TEXTS, template=TEMPLATE, serviceType=TEXT)
GROUP = fields(
    "groupName minReplicas maxReplicas rayStartParams template", groupName=TEXT, replicas=COUNT, minReplicas=COUNT,
    maxReplicas=COUNT, numOfHosts=COUNT, rayStartParams=TEXTS, template=TEMPLATE,
)  # fmt: skip
CLUSTER = fields(
    "headGroupSpec", rayVersion=TEXT, enableInTreeAutoscaling=SWITCH, suspend=SWITCH, headGroupSpec=HEAD,
    workerGroupSpecs=several(GROUP), autoscalerOptions=fields(
        "", idleTimeoutSeconds=COUNT, upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
    ),
)  # fmt: skip
JOB = fields(
    "entrypoint rayClusterSpec", entrypoint=TEXT, rayClusterSpec=CLUSTER, backoffLimit=COUNT, suspend=SWITCH,
    shutdownAfterJobFinishes=SWITCH, ttlSecondsAfterFinished=COUNT, activeDeadlineSeconds=COUNT, runtimeEnvYAML=TEXT,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode"]}, metadata=TEXTS, entrypointNumCpus=COUNT,
)  # fmt: skip
RAY_JOB = fields(
    "apiVersion kind metadata spec", apiVersion={"const": "ray.io/v1"}, kind={"const": "RayJob"}, spec=JOB,
    metadata=fields("name", name={"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}, namespace=TEXT),
)  # fmt: skip
"""Of RayJob in ray.io/v1 what anybody would set here; every other field is refused, even one that exists."""


def job() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "kuberay.yaml").read_text(encoding="utf-8"))


def faults(document: dict[str, Any]) -> list[str]:
    jsonschema = pytest.importorskip("jsonschema")
    return [error.json_path for error in jsonschema.Draft202012Validator(RAY_JOB).iter_errors(document)]


def test_the_job_for_kubernetes_has_the_fields_of_its_kind() -> None:
    assert faults(job()) == []


@pytest.mark.parametrize(
    "path, value",
    [
        ("spec.backofflimit", 5),
        ("spec.backoffLimit", "5"),
        ("spec.rayClusterSpec.headGroupSpec.rayStartParams.num-cpus", 0),
        ("spec.rayClusterSpec.workerGroupSpecs.0.minReplicas", None),
        ("spec.rayClusterSpec.workerGroupSpecs.0.template.spec.containers.0.resources.limits.memory", "8 GB"),
        ("metadata.name", "Matting"),
    ],
)
def test_what_kubernetes_would_refuse_is_found(path: str, value: object) -> None:
    wrong = copy.deepcopy(job())
    *way, last = path.split(".")
    place: Any = wrong
    for step in way:
        place = place[int(step) if step.isdecimal() else step]
    place[last] = value
    assert len(faults(wrong)) == 1


def test_the_job_asks_for_what_its_workers_have() -> None:
    spec = job()["spec"]
    program, name, *flags = shlex.split(spec["entrypoint"])
    assert (program, name) == ("matting", "batch")
    args = tool_parser("batch").parse_args(flags)
    for group in spec["rayClusterSpec"]["workerGroupSpecs"]:
        (container,) = group["template"]["spec"]["containers"]
        assert int(container["resources"]["limits"]["cpu"]) % args.cpus == 0
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    locked = re.search(r"^ray==(\d+\.\d+\.\d+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.M)
    assert locked and spec["rayClusterSpec"]["rayVersion"] == locked[1]


def test_the_job_for_slurm_is_a_script() -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    script = FOLDER / "slurm.sh"
    subprocess.run([bash, "-n", script], check=True, timeout=60)
    (command,) = re.findall(r"^matting (batch .*)$", script.read_text(encoding="utf-8"), re.M)
    assert tool_parser("batch").parse_args(shlex.split(command)[1:]).cpus == 4
