#!/usr/bin/env python3
"""Compares nnc with PyTorch, torch.compile, ONNX Runtime and OpenVINO: speed on one thread, errors, memory.

  tools/bench/compare.py --set lenet                     inference, training steps, and the demo's training run
  tools/bench/compare.py --set mlp --set vision --markdown results.md
  tools/bench/compare.py --set threads                   two threads beside one, nnc's and ONNX Runtime's

The peers come from PyPI and are put into .venv-bench at the first run (several GB); --python names a Python that has
them already. Only PyTorch is indispensable, as it writes the models; what else is missing is skipped with a line.
"""

import argparse
import json
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PACKAGES = ["numpy", "torch", "torchvision", "onnx", "onnxscript", "onnxruntime", "openvino"]
EPOCHS = 20  # of the demo
REPEATS = 3  # of the demo's whole run


def say(text):
    print(text, file=sys.stderr, flush=True)


def enter_environment(python):
    """Starts again under a Python that has the peers, making one if there is none."""
    venv = os.path.join(ROOT, ".venv-bench")
    if python is None and not os.path.exists(venv):
        say(f"compare.py: installing {', '.join(PACKAGES)} into {venv}")
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        for package in PACKAGES:
            if subprocess.run([f"{venv}/bin/python", "-m", "pip", "install", "-q", package]).returncode != 0:
                say(f"compare.py: {package} could not be installed and is left out")
    python = shutil.which(python or f"{venv}/bin/python")
    if python is None:
        raise SystemExit(f"compare.py: there is no Python in {venv}: remove it, or name one with --python")
    if os.path.abspath(sys.executable) != os.path.abspath(python):
        os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", dest="sets", choices=["lenet", "mlp", "recurrent", "vision", "threads", "all"],
                        help="which models, or a few of them on two threads; may be repeated (lenet)")
    parser.add_argument("--only", default="", help="only cases whose name contains this, such as 'b64' or 'Adam'")
    parser.add_argument("--peers", default="eager,compile,ort,openvino", help="comma-separated (%(default)s)")
    parser.add_argument("--nnc", default=os.path.join(ROOT, "build/bin/nnc"), help="the compiler (%(default)s)")
    parser.add_argument("--python", help="a Python that has the peers (.venv-bench/bin/python)")
    parser.add_argument("--seconds", type=float, default=20, help="how long the rounds of a case take (%(default)s)")
    parser.add_argument("--core", type=int, help="the core to run on (the last)")
    parser.add_argument("--no-recipe", action="store_true", help="leave out the demo's training run")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables there, with date, versions and method")
    return parser.parse_args()


def matching(cases, only):
    return [case for case in cases if only in f"{case.name}, {case.what}"]


def count_flops(problem):
    """Of products and convolutions, the backward ones included, as PyTorch counts them."""
    import torch
    from pytorch import Eager
    from torch.utils.flop_counter import FlopCounterMode

    eager = Eager(problem)
    if not problem.case.trains:
        eager.run = lambda: eager.module(eager.x)  # inference_mode hides the operators
    # Without oneDNN a recurrent layer consists of products that can be counted.
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        eager.run()
    return counter.get_total_flops()


def contenders_of(problem, reference, compiler, peers):
    """Of those that can be built and agree with the reference {name: contender}, nnc first, or there is none; the error
    of nnc; and how long its compilation took."""
    import contenders
    from problem import Skip

    chosen, error_of_nnc, compile_seconds = {}, 0, 0
    for name in ["nnc", *peers]:
        try:
            if name == "nnc":
                compile_seconds = compiler.compile("model")
            contender = contenders.make(name, problem)
            error = reference.error(contender)
            if not error <= reference.limit:
                raise Skip(f"its results are wrong: error {error:.1e}, allowed is {reference.limit:.0e}")
            if name == "nnc":
                error_of_nnc = error
            chosen[name] = contender
        except Skip as reason:
            if str(reason) != "inference only":
                say(f"  {name} is left out: {reason}")
        except Exception as error:  # a peer's own failure, whatever it is, must not end the comparison
            if name == "nnc":
                raise
            say(f"  {name} is left out: {type(error).__name__}: {str(error).strip().splitlines()[0][:200]}")
        if not chosen:
            break
    return chosen, error_of_nnc, compile_seconds


def error_of_direct_convolution(problem, reference, compiler):
    """None where nnc uses no Winograd, and where training has the roundings of many steps in its error."""
    from nnc import Nnc

    if problem.case.trains or not compiler.uses_winograd():
        return None
    compiler.compile("direct", "--no-winograd")
    return reference.error(Nnc(problem, "direct"))


def compare(case, options, peak):
    """One line of the tables, or None where nnc cannot do the case."""
    import memory
    import timing
    from check import Reference
    from nnc import Compiler
    from problem import Problem

    say(f"{case.name}, {case.what}")
    with tempfile.TemporaryDirectory(prefix="nnc-compare-") as folder:
        problem = Problem(case, folder)
        reference, compiler = Reference(problem), Compiler(problem, options.nnc)
        chosen, error, compile_seconds = contenders_of(problem, reference, compiler, options.peers)
        if "nnc" not in chosen:
            return None
        direct = error_of_direct_convolution(problem, reference, compiler)
        errors = {"nnc": error, "direct": direct, "eager": reference.eager_error}
        flops = count_flops(problem)
        times, core = timing.rounds({"peak": peak, **chosen}, options.seconds)
        roofline = compiler.roofline_share()
        weights, measured = problem.weights_bytes(), [name for name in chosen if name not in memory.NOT_MEASURED]
        if not case.trains:
            compiler.compile("frozen", "--frozen")
            measured.append("frozen")
        beyond_weights = {name: memory.peak(problem, name) - weights for name in measured}
    seconds_of_peak = times.pop("peak")
    peaks = [peak.operations / seconds * 1e-9 for seconds in seconds_of_peak]
    share = flops / peak.operations * timing.ratio(seconds_of_peak, times["nnc"])
    ratios = {name: timing.ratio(times[name], times["nnc"]) for name in times}
    say("  " + ", ".join(f"{name} {1e3 * statistics.median(t):.4g} ms ({ratios[name]:.2f})" for name, t in times.items()))
    return {"case": case, "times": times, "ratios": ratios, "flops": flops, "peaks": peaks, "share": share, "core": core,
            "roofline": roofline, "errors": errors, "compile_seconds": compile_seconds, "weights": weights,
            "beyond_weights": beyond_weights}


def compare_threads(case, options, cores):
    """One line of the table of two threads."""
    import threads
    from nnc import Compiler
    from problem import Problem

    say(f"{case.name}, {case.what}, on two threads")
    with tempfile.TemporaryDirectory(prefix="nnc-compare-") as folder:
        problem = Problem(case, folder)
        Compiler(problem, options.nnc).compile("model")
        return {"case": case, **threads.measure(problem, options.peers, cores, options.seconds)}


def run_recipe(options):
    """The demo's training run as whole processes, in turns: {name: [results]}. nnc's compiles the model first."""
    data = os.path.join(ROOT, "models/data/digits.npz")
    commands = {"nnc": [options.nnc, "train", os.path.join(ROOT, "models/zoo/lenet.pt2"), "--loss", "cross_entropy",
                        "--optimizer", "adam:lr=1e-3", "--data", data, "--batch", "64", "--epochs", str(EPOCHS),
                        "--threads", "1", "--json"]}
    for peer in options.peers:
        if peer in ("eager", "compile"):
            commands[peer] = [sys.executable, os.path.join(HERE, "recipe.py"), data, peer, str(EPOCHS)]
    runs = {name: [] for name in commands}
    for repeat in range(REPEATS):
        for name, command in commands.items():
            say(f"training LeNet on the digits, {name}, run {repeat + 1} of {REPEATS}")
            seed = ["--seed", str(repeat)] if name == "nnc" else [str(repeat)]
            start = time.perf_counter()
            process = subprocess.run(command + seed, capture_output=True, text=True)
            wall = time.perf_counter() - start
            if process.returncode != 0:
                raise SystemExit(f"compare.py: {' '.join(command)} failed:\n{process.stderr}")
            result = json.loads(process.stdout)
            runs[name].append({"train_seconds": result["train_seconds"], "wall_seconds": wall,
                               "test_accuracy": result["test_accuracy"]})
    return runs


def main():
    options = arguments()
    enter_environment(options.python)
    options.nnc = os.path.abspath(options.nnc)
    if not os.access(options.nnc, os.X_OK):
        raise SystemExit(f"compare.py: {options.nnc} is missing: build nnc, or name it with --nnc")

    import timing

    two_cores = set(sorted(os.sched_getaffinity(0))[-2:])
    timing.pin(options.core)
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    try:
        import torch
    except ImportError:
        raise SystemExit(f"compare.py: {sys.executable} has no torch, which writes the models") from None
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)

    import report
    from cases import RECIPE, SETS, THREADS
    from contenders import PEERS

    options.peers = [peer for peer in options.peers.split(",") if peer]
    if unknown := set(options.peers) - set(PEERS):
        raise SystemExit(f"compare.py: unknown peers {', '.join(unknown)}; known are {', '.join(PEERS)}")
    sets = options.sets or ["lenet"]
    sets = [*SETS, "threads"] if "all" in sets else sets
    results = []
    with tempfile.TemporaryDirectory(prefix="nnc-compare-") as folder:
        peak = timing.Peak(folder)
        for case in matching((case for name in sets for case in SETS.get(name, [])), options.only):
            try:
                result = compare(case, options, peak)
            except ImportError as error:
                say(f"  is left out: {error}")
                continue
            if result:
                results.append(result)
    sections = [report.surroundings(options.nnc, ROOT, results)]
    if results:
        sections += [report.cases_table(results, options.peers), report.summary(results),
                     report.memory_table(results, options.peers)]
    if RECIPE in sets and not options.no_recipe:
        sections.append(f"LeNet on 4,000 digits, Adam, batch 64, {EPOCHS} epochs, medians of {REPEATS} runs; the whole process "
                        "includes imports or the compilation, reading the data and classifying 1,000 test digits after each "
                        "epoch:\n\n" + report.recipe_table(run_recipe(options)))
    if "threads" in sets:
        if len(two_cores) == 2:
            on_two_threads = [compare_threads(case, options, two_cores) for case in matching(THREADS, options.only)]
            sections.append(report.threads_table(on_two_threads))
        else:
            say("two threads are left out: there is one core")
    text = "\n\n".join(sections) + "\n"
    print(text, end="")
    if options.markdown:
        with open(options.markdown, "w") as file:
            file.write(f"# nnc beside its peers\n\n{report.METHOD}\n\n{text}")


if __name__ == "__main__":
    main()
