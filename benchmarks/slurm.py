"""A job of docs/clusters/slurm.sh on a real SLURM of two nodes on this machine: stopped, requeued, finished.

    apt-get install slurmctld slurmd slurm-client munge
    python benchmarks/slurm.py

Needs root, because SLURM and MUNGE do. Starts both in a temporary folder, submits a run on generated
letters, sends its tasks SIGTERM while they train, lets the job go back to the queue and finish, and compares
the records with those of one process with two devices. Prints what happened; the exit code is 1 if anything
was not as promised.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
JOB = ROOT / "docs" / "clusters" / "slurm.sh"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol")
RUN = ("--config", "configs/quickstart.py", "--config.log_every_steps=1")
NODES = ("node1", "node2")
# Steps on record when the job is told to stop, and seconds for each thing to happen.
STOP_AT, PATIENCE = 40, 600.0
CONF = """
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
NodeName={nodes[0]} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1
NodeName={nodes[1]} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1
PartitionName=main Nodes=ALL Default=YES State=UP
"""


def main() -> int:
    """Runs the job; returns the exit code."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        print(f"expected SLURM and MUNGE, found no {', '.join(missing)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name, cluster(Path(name)):
        folder = Path(name)
        job = submit(folder)
        run = folder / "run"
        until("the run has records", lambda: records(run) >= STOP_AT)
        slurm("scancel", "--signal=TERM", job)
        said(f"job {job}: SIGTERM at step {records(run)}")
        until(
            "the job has left", lambda: "code 75" in restarts(job) or "Restarts=1" in restarts(job)
        )
        said(f"job {job}: back in the queue")
        # A job that comes back waits for two minutes, which serves nothing here.
        slurm("scontrol", "update", f"JobId={job}", "StartTime=now")
        until("the run is finished", (run / "report" / "result.json").exists)
        until("the job is finished", lambda: "JobState=COMPLETED" in restarts(job))
        log = (folder / "job.log").read_text()
        print(log)
        alone = folder / "alone"
        flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
        command = [sys.executable, "launch.py", *RUN, "--workdir", str(alone)]
        subprocess.run(command, cwd=ROOT, env=os.environ | flags, check=True, capture_output=True)
        same = (alone / "metrics.jsonl").read_bytes() == (run / "metrics.jsonl").read_bytes()
        resumed = re.search("Resumed from step [0-9,]+", log)
        said(f"{resumed[0] if resumed else 'not resumed'}; records of one process: {same}")
        return 0 if same and resumed else 1


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Starts MUNGE, the controller and two nodes; ends them at the end."""
    (folder / "state").mkdir()
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    (folder / "slurm.conf").write_text(
        CONF.format(folder=folder, host=socket.gethostname(), ports=free_ports(3), nodes=NODES)
    )
    key = folder / "munge.key"
    key.write_bytes(os.urandom(64))
    key.chmod(0o400)
    folder.chmod(0o755)
    files = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "log", "pid", "seed")]
    commands = [
        ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files],
        ["slurmctld", "-D", "-i"],
        *(["slurmd", "-D", "-N", node] for node in NODES),
    ]
    daemons = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        until(
            "the nodes are idle", lambda: slurm("sinfo", "-h", "-o", "%D %t").startswith("2 idle")
        )
        yield
    finally:
        slurm("scancel", "--user=root")
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()


def submit(folder: Path) -> str:
    """Submits the job of the documentation; returns its number."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    options = ["--parsable", "--nodes=2", f"--output={folder}/job.log"]
    arguments = [*RUN, "--workdir", str(folder / "run")]
    environment = {
        "PATH": path,
        "JAX_PLATFORMS": "cpu",
        # JAX would connect to the first node's name, which only SLURM knows here.
        "JAX_COORDINATOR_ADDRESS": f"localhost:{free_ports(1)[0]}",
    }
    exported = ",".join(["ALL", *(f"{name}={value}" for name, value in environment.items())])
    number = slurm("sbatch", *options, f"--export={exported}", str(JOB), *arguments).strip()
    said(f"job {number}: submitted")
    return number


def slurm(*command: str) -> str:
    """Runs a command of SLURM; returns its output."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.stdout


def restarts(job: str) -> str:
    """Returns what SLURM says about a job."""
    return slurm("scontrol", "show", "job", job)


def records(run: Path) -> int:
    """Returns the number of training records of a run."""
    file = run / "metrics.jsonl"
    return file.read_bytes().count(b'"train"') if file.exists() else 0


def until(what: str, condition: Callable[[], bool]) -> None:
    """Waits for a condition."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.5)


def free_ports(count: int) -> list[int]:
    """Returns some ports that nobody listens at."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in sockets]


def said(line: str) -> None:
    """Prints a line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
