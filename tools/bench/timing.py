"""Interleaved timing on one core: every round times a block of calls of each contender, one after the other,
so that whatever else the machine does meets all of them."""

import ctypes
import gc
import os
import shutil
import statistics
import subprocess
import time

BLOCK_SECONDS = 0.01  # a block is so many calls that it takes about this long
PEAK_STEPS = 20_000


def pin(core):
    """This process and all it starts run on one core. Returns its number."""
    core = max(os.sched_getaffinity(0)) if core is None else core
    os.sched_setaffinity(0, {core})
    return core


class Peak:
    """The core's multiply-add peak, timed like a contender."""

    def __init__(self, folder):
        compiler = next(c for c in ("gcc", "clang", "cc") if shutil.which(c))
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fma_peak.c")
        library = os.path.join(folder, "fma_peak.so")
        subprocess.run([compiler, "-O2", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC", source, "-o", library],
                       check=True)
        self.function = ctypes.CDLL(library).fma_peak
        self.function.argtypes, self.function.restype = [ctypes.c_int64], ctypes.c_int64
        self.operations = self.function(PEAK_STEPS)

    def reset(self):
        pass

    def run(self):
        self.function(PEAK_STEPS)


def _seconds(run, calls):
    start = time.perf_counter_ns()
    for _ in range(calls):
        run()
    return (time.perf_counter_ns() - start) * 1e-9 / calls


def _calls_in_a_block(contender):
    """Warms up for a fifth of a second, and at least three calls."""
    contender.reset()
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < 0.2:
        times.append(_seconds(contender.run, 1))
    return max(1, round(BLOCK_SECONDS / statistics.median(times)))


def rounds(contenders, seconds):
    """Times `contenders` {name: contender} for about `seconds` altogether, at least 7 rounds.
    Returns {name: [seconds of a call, one for each round]}, and which part of the core's time this process had."""
    calls = {name: _calls_in_a_block(contender) for name, contender in contenders.items()}
    times = {name: [] for name in contenders}
    gc.collect()
    gc.disable()
    start, processor_start = time.perf_counter(), time.process_time()
    while len(next(iter(times.values()))) < 7 or time.perf_counter() - start < seconds:
        for name, contender in contenders.items():
            contender.reset()
            contender.run()  # the others have emptied the caches
            times[name].append(_seconds(contender.run, calls[name]))
    gc.enable()
    return times, (time.process_time() - processor_start) / (time.perf_counter() - start)


def ratio(peer, ours):
    """The median over the rounds of peer / ours, which a change of clock between rounds does not touch."""
    return statistics.median(a / b for a, b in zip(peer, ours))
