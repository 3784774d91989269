"""Two threads beside one, on two cores that are free, and on two of which another process keeps one busy."""

import contextlib
import os
import subprocess
import sys
import time

import numpy

import timing
from contenders import OnnxRuntime
from nnc import Nnc


@contextlib.contextmanager
def _cores(cores):
    """This thread, and those that it starts, may run on these."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _neighbour(core):
    """Another process that never sleeps."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    os.sched_setaffinity(process.pid, {core})
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _seconds_of_others(cores):
    """How long these cores worked for other processes since the machine started, plus a constant."""
    ticks = 0
    with open("/proc/stat") as file:
        for name, *columns in map(str.split, file):
            if name in {f"cpu{core}" for core in cores}:
                user, nice, system, _idle, _wait, *interrupts_and_steal = map(int, columns[:8])
                ticks += user + nice + system + sum(interrupts_and_steal)
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


def compare(problem, make, cores, seconds):
    """One and two threads in turns: "free" and "busy" are times as timing.rounds gives them, "others" the part of the
    cores that was not free in the former."""
    with _cores(cores):
        contenders = {threads: make(problem, threads=threads) for threads in (1, 2)}
        numpy.testing.assert_allclose(contenders[1].output(), contenders[2].output(), rtol=1e-4, atol=1e-4)
        start, others = time.perf_counter(), _seconds_of_others(cores)
        free, _ = timing.rounds(contenders, seconds / 2)
        others = (_seconds_of_others(cores) - others) / (time.perf_counter() - start) / len(cores)
        with _neighbour(max(cores)):
            busy, _ = timing.rounds(contenders, seconds / 2)
    return {"free": free, "busy": busy, "others": others}


def measure(problem, peers, cores, seconds):
    """{name: what compare() returns} of nnc, and of ONNX Runtime where it is among the peers. Not all in the same turns:
    ONNX Runtime's threads look for work for a while after a call, on the core of whoever comes next."""
    makers = {"nnc": Nnc} | ({"ort": OnnxRuntime} if "ort" in peers else {})
    return {name: compare(problem, make, cores, seconds / len(makers)) for name, make in makers.items()}
