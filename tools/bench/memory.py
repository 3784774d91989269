"""How much memory a contender needs in a process of its own, which does nothing else. Run as a script it prints that.

  python memory.py nnc|frozen|eager|ort|openvino CASE FOLDER     CASE as JSON, FOLDER with the files of the problem
"""

import dataclasses
import json
import os
import subprocess
import sys

import contenders
from cases import Case
from problem import Problem

CALLS = 3  # the first ones may prepare, the later ones need what the first leaves
NOT_MEASURED = {"compile"}  # it would be its compiler's memory


def peak(problem, name):
    """In bytes, without what the interpreter, NumPy and the input need. The problem's files must exist already."""
    script = [sys.executable, os.path.abspath(__file__), name, json.dumps(dataclasses.asdict(problem.case)), problem.folder]
    process = subprocess.run(script, capture_output=True, text=True)
    if process.returncode != 0:
        raise RuntimeError(f"memory.py {name} failed:\n{process.stderr}")
    return int(process.stdout)


def _status(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(key + ":"))


def main(name, case, folder):
    problem = Problem(Case(**json.loads(case)), folder)
    problem.x.sum(), problem.y.sum()  # maps their pages
    before = _status("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # VmHWM begins anew
    contender = contenders.make(name, problem)
    for _ in range(CALLS):
        contender.run()
    print(_status("VmHWM") - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
