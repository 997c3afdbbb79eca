"""
SIGTERM at any instant: a training job is preempted again and again - while it starts, waits, computes, evaluates, saves - and every time
the same command goes on. A hand-over counts when the process ends within its grace period with exit code 75 and the newest checkpoint holds
every step that was ever applied. In the end the weights are compared with those of a run that was left alone.
"""
import argparse
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KALEIDO = os.path.join(ROOT, "artifacts/publish/KaleidoDist.Cli/release_linux-x64/kaleido")
EVALUATE, SAVE = 4, 5
RESUMABLE = 75
MOMENTS = ("while it starts", "while it trains", "in an evaluation", "in a checkpoint")


class Run:
    """A run folder and what the ranks' ledgers say of it."""

    def __init__(self, parent, name):
        self.folder = os.path.join(parent, name)
        self.ledger = os.path.join(parent, f"{name}-ledger")
        self.log = open(os.path.join(parent, f"{name}.log"), "w")

    def command(self, *more):
        settings = [f"checkpoint.uri={self.folder}", "training.steps=1000000", f"checkpoint.every={SAVE}", f"evaluation.every={EVALUATE}"]
        return [KALEIDO, "train", "tests/KaleidoDist.TestKit/Jobs/micro.yaml"] + [word for s in settings for word in ("--set", s)] + list(more)

    def start(self, *more):
        return subprocess.Popen(self.command(*more), cwd=ROOT, stdout=self.log, stderr=self.log, env={**os.environ, "KALEIDO_LEDGER": self.ledger})

    def applied(self):
        """The highest step that any rank applied."""
        highest = 0
        for path in glob.glob(os.path.join(self.ledger, "*.ledger")):
            with open(path, "rb") as file:
                file.seek(max(0, os.path.getsize(path) - 4096))
                for line in file.read().decode(errors="replace").split("\n"):
                    fields = line.split(" ")
                    if fields[0] == "A" and len(fields) == 5:
                        highest = max(highest, int(fields[3]))
        return highest

    def newest(self):
        """Step and hash of the newest checkpoint."""
        if not os.path.isdir(self.folder):
            return 0, None
        asked = subprocess.run([KALEIDO, "checkpoint", "list", self.folder, "--json"], cwd=ROOT, capture_output=True, text=True)
        found = json.loads(asked.stdout)["checkpoints"] if asked.returncode == 0 else []
        return (found[-1]["step"], found[-1]["weights_xxh128"]) if found else (0, None)


def await_moment(run, process, moment, chance, before):
    """Returns when the moment has come: chance decides how far into it."""
    if moment == 0:
        time.sleep(chance.uniform(0.3, 3.0))
        return
    period = {1: 1, 2: EVALUATE, 3: SAVE}[moment]
    while process.poll() is None:
        step = run.applied()
        if step > before and step % period == 0:
            break
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.5 if moment == 1 else 0.06))


def main():
    options = argparse.ArgumentParser(description="Preempts a training job at many instants and checks every hand-over.")
    options.add_argument("--times", type=int, default=100, help="preemptions (100)")
    options.add_argument("--seed", type=int, default=1, help="seed of the instants (1)")
    options.add_argument("--grace", type=float, default=30, help="seconds within which the process must have ended (30)")
    wanted = options.parse_args()
    chance = random.Random(wanted.seed)
    parent = tempfile.mkdtemp(prefix="kaleido-preempt-", dir="/dev/shm")
    run, failures, times = Run(parent, "preempted"), [], [[] for _ in MOMENTS]
    try:
        for number in range(1, wanted.times + 1):
            moment = number % len(MOMENTS)
            before = run.applied()
            process = run.start()
            await_moment(run, process, moment, chance, before)
            told = time.monotonic()
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(wanted.grace)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                code = f"none within {wanted.grace:g} s"
            took = time.monotonic() - told
            times[moment].append(took)
            (saved, _), made = run.newest(), run.applied()
            if code != RESUMABLE or saved != made:
                failures.append(f"preemption {number} {MOMENTS[moment]}: exit code {code} after {took:.2f} s, step {made} applied, step {saved} saved")
                print(failures[-1], flush=True)
            elif number % 10 == 0:
                print(f"{number} preemptions, step {made}", flush=True)

        last = run.applied() + SAVE
        run.start("--stop-after", str(last)).wait()
        calm = Run(parent, "calm")
        calm.start("--stop-after", str(last)).wait()
        same = run.newest() == calm.newest() and run.newest()[0] == last
        for moment, seconds in zip(MOMENTS, times):
            if seconds:
                print(f"{moment:<18} {len(seconds):>4} preemptions, ended after {sorted(seconds)[len(seconds) // 2]:.2f} s (median), {max(seconds):.2f} s (longest)")
        print(f"{wanted.times - len(failures)} of {wanted.times} hand-overs durable; at step {last} the weights are {'those' if same else 'NOT those'} of an undisturbed run ({run.newest()[1]})")
        return 0 if same and not failures else 1
    finally:
        if failures:
            print(f"Logs are kept in {parent}.")
        else:
            shutil.rmtree(parent, ignore_errors=True)


sys.exit(main())
