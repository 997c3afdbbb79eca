"""
Recovery of KaleidoDist against torchrun on this machine: both sides take turns, each figure is the median of several runs with its spread.

Measured from outside, by the machine's monotonic clock: KaleidoDist's ranks date each applied step in their sample ledger, the peer's
processes in a file of the same kind. A time to the next step ends with the first step that nobody had made before.
"""
import argparse
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
KALEIDO = os.path.join(ROOT, "artifacts/publish/KaleidoDist.Cli/release_linux-x64/kaleido")
LIMIT = 120


def now():
    return time.monotonic_ns()


def wait(what, look, limit=LIMIT, pause=0.01):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(pause)
    raise TimeoutError(f"waited {limit} s for: {what}")


def children(pid):
    found = []
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            text = open(stat).read()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2:].split()
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.split("/")[2]))
    return sorted(found)


def cpu_milliseconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split(" ")
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def new_steps(steps):
    """Times of steps that nobody had made before, ascending."""
    highest, times = 0, []
    for at, step in sorted(steps):
        if step > highest:
            highest = step
            times.append(at)
    return times


class Side:
    """A job of one side: its processes, its folder, its steps."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="kaleido-bench-", dir="/dev/shm")
        self.processes = []
        self.log = open(os.path.join(self.folder, "log"), "w")

    def start(self, command, **environment):
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment})
        self.processes.append(process)
        return process

    def reaches(self, step):
        wait(f"step {step}", lambda: max((s for _, s in self.steps()), default=0) >= step)

    def settles(self):
        """Waits for thirty steps more, so that starting up is over."""
        self.reaches(max((s for _, s in self.steps()), default=0) + 30)

    def next_step(self, fault):
        """Seconds from a moment to the first new step after the pause that it caused."""
        before = [at for at in new_steps(self.steps()) if at <= fault]
        usual = statistics.median(b - a for a, b in zip(before[-30:], before[-29:]))

        def resumed():
            # A step in flight still arrives; pauses that begin later have other causes: a rank that joins again, for example.
            times = [before[-1]] + [at for at in new_steps(self.steps()) if at > fault]
            paused = next((b for a, b in zip(times, times[1:]) if a < fault + 1e9 and b - a > 4 * usual), None)
            return paused or (times[1] if len(times) > 20 else None)
        return (wait("steps after the fault", resumed) - fault) / 1e9

    def cost(self, processes, steps=300):
        """Processor time of some processes for each step of the job, in milliseconds."""
        first, before = max(s for _, s in self.steps()), sum(cpu_milliseconds(p.pid) for p in processes)
        self.reaches(first + steps)
        return (sum(cpu_milliseconds(p.pid) for p in processes) - before) / (max(s for _, s in self.steps()) - first)

    def longest_gap(self, begin, end):
        times = [at for at in new_steps(self.steps())]
        return max(b - a for a, b in zip(times, times[1:]) if b > begin and a < end) / 1e9

    def close(self):
        for process in reversed(self.processes):
            for pid in [process.pid] + children(process.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


JOB = "tests/KaleidoDist.TestKit/Jobs/micro.yaml"


class Kaleido(Side):
    """Steps as the ranks' ledgers have them."""
    name = "kaleido"

    def __init__(self):
        super().__init__()
        self.ledger = os.path.join(self.folder, "ledger")
        self.began = now()

    def settings(self, minimum):
        values = [f"checkpoint.uri={self.folder}/run", "training.steps=100000", f"workers.min={minimum}", "workers.max=4", "checkpoint.every=50"]
        return [word for value in values for word in ("--set", value)]

    def steps(self):
        found = []
        for path in glob.glob(os.path.join(self.ledger, "*.ledger")):
            for line in open(path).read().split("\n"):
                fields = line.split(" ")
                if fields[0] == "A" and len(fields) == 5:
                    found.append((int(fields[1]), int(fields[3])))
        return found


class OneCommand(Kaleido):
    """Coordinator, worker and two ranks by one command, as torchrun's agent has its ranks."""

    def __init__(self):
        super().__init__()
        self.start([KALEIDO, "train", JOB] + self.settings(minimum=2) + ["--set", "workers.max=2"], KALEIDO_LEDGER=self.ledger)


class Cluster(Kaleido):
    """A coordinator and workers of one rank each, as on machines of their own."""

    def __init__(self, port):
        super().__init__()
        self.address = f"http://127.0.0.1:{port}"
        self.coordinator = self.start([KALEIDO, "coordinator", "--listen", self.address, "--state", os.path.join(self.folder, "state")])
        self.workers = []

    def worker(self):
        name = f"w{len(self.workers) + 1}"
        self.workers.append(self.start([KALEIDO, "worker", "--coordinator", self.address, "--id", name, "--slots", "1"], KALEIDO_LEDGER=self.ledger))
        return self.workers[-1]

    def submit(self, minimum=1):
        command = [KALEIDO, "submit", JOB, "--coordinator", self.address] + self.settings(minimum)
        wait("the coordinator", lambda: subprocess.run(command, cwd=ROOT, stdout=self.log, stderr=self.log).returncode == 0, pause=0.05)

    def ranks(self):
        return [pid for worker in self.workers for pid in children(worker.pid)]

    def status(self):
        asked = subprocess.run([KALEIDO, "status", "micro", "--json", "--coordinator", self.address], cwd=ROOT, capture_output=True, text=True)
        return json.loads(asked.stdout) if asked.returncode == 0 else {}


class Torchrun(Side):
    name = "torchrun"

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.began = now()
        self.agents = []

    def agent(self, nodes, ranks, last=100000):
        # The best settings that its documentation offers: a short monitor interval, no waiting for nodes that may still come.
        self.agents.append(self.start(
            ["/usr/bin/python3", os.path.join(HERE, "torchrun.py"), "--nnodes", nodes, "--nproc_per_node", str(ranks), "--max_restarts", "100",
             "--monitor_interval", "0.1", "--rdzv_backend", "c10d", "--rdzv_endpoint", f"127.0.0.1:{self.port}", "--rdzv_id", "bench",
             "--rdzv_conf", "last_call_timeout=1,join_timeout=60", os.path.join(HERE, "peer_train.py"), self.folder, str(last)]))
        return self.agents[-1]

    def notes(self, kind):
        found = []
        for path in glob.glob(os.path.join(self.folder, "*.steps")):
            for line in open(path).read().split("\n"):
                fields = line.split(" ")
                if fields[0] == kind and len(fields) > 1:
                    found.append([int(field) for field in fields[1:]])
        return found

    def steps(self):
        return [(note[0], note[1]) for note in self.notes("step") if len(note) == 3]

    def ranks(self):
        return [pid for agent in self.agents for pid in children(agent.pid)]

    def import_seconds(self, after):
        """The slowest process's imports, begun after a moment: Python's part of a start."""
        longest = 0
        for path in glob.glob(os.path.join(self.folder, "*.steps")):
            at = {line.split(" ")[0]: int(line.split(" ")[1]) for line in open(path).read().split("\n")[:2] if " " in line}
            if at.get("began", 0) > after and "imported" in at:
                longest = max(longest, at["imported"] - at["began"])
        return longest / 1e9


class Figures:
    """Figures by name and side, in the order they came."""

    def __init__(self):
        self.values = {}

    def add(self, name, side, seconds):
        self.values.setdefault(name, {}).setdefault(side, []).append(seconds)
        print(f"  {name:<44} {side:<10} {seconds:7.3f}{'' if name == CONTROL else ' s'}", flush=True)

    def table(self, goals):
        print(f"\n{'median of the runs [least to most], seconds':<46}{'kaleido':>24}{'torchrun':>24}{'ratio':>8}   goal")
        for name, sides in self.values.items():
            cells, medians = [], {}
            for side in ("kaleido", "torchrun"):
                values = sides.get(side)
                if values:
                    medians[side] = statistics.median(values)
                    cells.append(f"{medians[side]:.2f} [{min(values):.2f} to {max(values):.2f}]")
                else:
                    cells.append("-")
            ratio = f"{medians['torchrun'] / medians['kaleido']:.1f}x" if len(medians) == 2 and medians["kaleido"] > 0 else ""
            goal = goals.get(name)
            verdict = "" if goal is None or "kaleido" not in medians else f"<= {goal:g} s: {'met' if medians['kaleido'] <= goal else 'MISSED'}"
            print(f"{name:<46}{cells[0]:>24}{cells[1]:>24}{ratio:>8}   {verdict}")


START, KILL, NODE, JOIN, HANG = "start to first step, 2 ranks", "SIGKILL of a rank to next step", "loss of a node to next step", "join: longest pause of the others", "SIGSTOP of a rank to its name in the status"
CONTROL = "processor time of coordinator, agents: ms/step"
PARTS = ("noticed to decided", "decided to formed", "formed to first step", "of it connect", "of it agree", "of it catch up")


def parts(figures, name, status):
    """The coordinator's own account of the change of membership, where it gives one."""
    regroup = status.get("last_regroup")
    if not regroup or not all(regroup.get(key) for key in ("noticed_at", "decided_at", "formed_at", "first_step_at")):
        return
    at = {key: parse_time(regroup[key]) for key in ("noticed_at", "decided_at", "formed_at", "first_step_at")}
    values = (at["decided_at"] - at["noticed_at"], at["formed_at"] - at["decided_at"], at["first_step_at"] - at["formed_at"],
              regroup["connect_seconds"], regroup["agree_seconds"], regroup["catch_up_seconds"])
    for part, value in zip(PARTS, values):
        figures.add(f"  {name.split(' to ')[0]}: {part}", "kaleido", value)


def parse_time(text):
    import datetime
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def ours(figures, port):
    job = OneCommand()
    try:
        job.reaches(1)
        figures.add(START, job.name, (min(at for at, _ in job.steps()) - job.began) / 1e9)
    finally:
        job.close()

    job = Cluster(port)
    try:
        job.worker(), job.worker()
        job.submit()
        job.reaches(5)
        wait("two ranks", lambda: len(job.ranks()) == 2)
        job.settles()
        figures.add(CONTROL, job.name, job.cost([job.coordinator] + job.workers))
        fault = now()
        os.kill(job.ranks()[-1], signal.SIGKILL)
        figures.add(KILL, job.name, job.next_step(fault))
        parts(figures, KILL, job.status())

        wait("both ranks train again", lambda: sum(1 for r in job.status().get("ranks", []) if r["step"] > 0 and not r.get("joining")) == 2)
        job.settles()
        node = job.workers[1]
        fault = now()
        # Its ranks die with it, by themselves.
        node.kill()
        figures.add(NODE, job.name, job.next_step(fault))
        parts(figures, NODE, job.status())
        job.settles()

        begin = now()
        job.worker()
        wait("the joiner trains", lambda: sum(1 for r in job.status().get("ranks", []) if r["step"] > 0 and not r.get("joining")) == 2)
        job.settles()
        figures.add(JOIN, job.name, job.longest_gap(begin, now()))
        parts(figures, JOIN, job.status())
        hang(figures, job)
    finally:
        job.close()


def hang(figures, job):
    rank = job.ranks()[-1]
    known = len(job.status()["events"])
    fault = now()
    os.kill(rank, signal.SIGSTOP)

    def named():
        status = job.status()
        return any(r.get("remark") for r in status.get("ranks", [])) or any("KD-W11" in e["code"] for e in status.get("events", [])[-5:])
    try:
        wait("the hung rank's name", named, limit=20, pause=0.05)
        figures.add(HANG, job.name, (now() - fault) / 1e9)
    except TimeoutError:
        print(f"  {HANG}: not named within 20 s ({known} events)", flush=True)
    finally:
        try:
            os.kill(rank, signal.SIGCONT)
        except ProcessLookupError:
            pass


def torchrun(figures, port):
    job = Torchrun(port)
    try:
        job.agent("1", 2)
        job.reaches(1)
        figures.add(START, job.name, (min(at for at, _ in job.steps()) - job.began) / 1e9)
        figures.add("  of it Python's imports (rank)", job.name, job.import_seconds(job.began))
        job.settles()
        fault = now()
        os.kill(job.ranks()[-1], signal.SIGKILL)
        figures.add(KILL, job.name, job.next_step(fault))
        figures.add("  of it Python's imports (new ranks)", job.name, job.import_seconds(fault))
    finally:
        job.close()

    job = Torchrun(port + 1)
    try:
        job.agent("1:2", 1)
        job.reaches(1)
        begin = now()
        second = job.agent("1:2", 1)
        wait("two ranks", lambda: any(note[1] == 2 for note in job.notes("formed")))
        job.settles()
        figures.add(JOIN, job.name, job.longest_gap(begin, now()))
        fault = now()
        for pid in [second.pid] + children(second.pid):
            os.kill(pid, signal.SIGKILL)
        figures.add(NODE, job.name, job.next_step(fault))
        figures.add("  of it Python's imports (survivor's ranks)", job.name, job.import_seconds(fault))
    finally:
        job.close()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--only", choices=("kaleido", "torchrun"))
    arguments = arguments.parse_args()
    # Ended in good order, so that processes and folders of a measurement under way are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    figures = Figures()
    for run in range(arguments.runs):
        print(f"run {run + 1} of {arguments.runs}, load {os.getloadavg()[0]:.1f}", flush=True)
        for side, measure, port in (("kaleido", ours, 18400), ("torchrun", torchrun, 29500)):
            if arguments.only in (None, side):
                try:
                    measure(figures, port + 3 * run)
                except TimeoutError as late:
                    print(f"  {side}: {late}", flush=True)
    figures.table({KILL: 1, NODE: 2, HANG: 3})
    print("The peer is Debian's torch 1.13.1 with gloo, monitor_interval 0.1, last_call_timeout 1. Starting Python and importing torch is part of "
          "its times and listed beside them; its workers restart at each change of membership, ours go on from memory.")


if __name__ == "__main__":
    sys.exit(main())
