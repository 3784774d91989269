"""The results as tables that read in a terminal and in Markdown."""

import datetime
import importlib.metadata
import platform
import statistics
import subprocess

import timing

LABELS = {"nnc": "nnc", "frozen": "nnc --frozen", "eager": "eager", "compile": "torch.compile", "ort": "ONNX Runtime",
          "openvino": "OpenVINO"}
METHOD = """\
One thread for everybody, the process pinned to one core. Before timing, outputs are compared with PyTorch's in double
precision: the error is the largest difference relative to the largest value. Of training, the losses of two steps are
compared likewise, and then the changes of the parameters: the error is that of the changes in the norm. Who is wrong is
not timed. Then the contenders take turns: in each round each runs a block of about 10 ms, training from the same
parameters. Times are medians over the rounds, ratios medians of the rounds' ratios, *peer / nnc*: above 1 nnc is faster.
The share of the peak refers to a loop of multiply-adds timed in the same rounds. *At the roofline* is what that ratio
would be if each kernel ran at the peak (with Winograd's filtering, of the products that remain) or at the bandwidth of
the memory that its data fits into, as `nnc bench --kernels` measures both: the ceiling of what is fused and planned
now. PyTorch's optimizers are the fused ones; torch.compile has frozen weights for inference; all compute in float32,
all are called from Python. The error of *direct* convolutions is that of the model compiled with `--no-winograd`, where
nnc filters by Winograd at all.

For the memory each contender has a process of its own, which loads the model from files and makes three calls or steps:
nnc its library (`--frozen` with the parameters as constants; the one that is timed can change them), PyTorch parameters
that it maps, ONNX Runtime its .onnx, OpenVINO its own format. What counts is the process's peak (VmHWM), less what it had
with the interpreter, NumPy and the input alone, less the bytes of the parameters, once for everybody. So a framework's
code counts, of PyTorch torchvision's and the part for CUDA that PyPI's package brings, and pages of mapped files count
like others. torch.compile is not measured: its compiler would be.

Two threads take turns with one, free to run on two cores; then again while a process that never sleeps is pinned to one
of the two. Ratios are medians of the rounds' *time of two threads / time of one*: below 1 two are faster. ONNX Runtime
has turns of its own, as its threads look for work after a call, which would cost whoever comes next."""


def number(value):
    """Three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(header, rows):
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def cases_table(results, peers):
    """`results`: what compare() in compare.py returns."""
    header = ["model", "task", "nnc ms"] + [f"{LABELS[peer]} ms (ratio)" for peer in peers]
    header += ["best peer / nnc", "at the roofline", "GFLOP/s", "of the peak", "error: nnc / direct / eager", "compiled in"]
    rows = []
    for result in results:
        milliseconds = {name: 1e3 * statistics.median(times) for name, times in result["times"].items()}
        row = [result["case"].name, result["case"].what, number(milliseconds["nnc"])]
        for peer in peers:
            row.append(f"{number(milliseconds[peer])} ({result['ratios'][peer]:.2f})" if peer in milliseconds else "-")
        row.append(f"{best_ratio(result):.2f}" if len(result["ratios"]) > 1 else "-")
        row.append(f"{best_ratio(result) / result['roofline']:.2f}" if len(result["ratios"]) > 1 else "-")
        rate = result["flops"] / milliseconds["nnc"] * 1e-6
        row += [number(rate), f"{100 * result['share']:.0f} %",
                " / ".join("-" if error is None else f"{error:.0e}" for error in result["errors"].values()),
                f"{result['compile_seconds']:.1f} s"]
        rows.append(row)
    return table(header, rows)


def best_ratio(result):
    """How much longer the fastest peer takes than nnc."""
    return min(ratio for name, ratio in result["ratios"].items() if name != "nnc")


def summary(results):
    """The geometric mean and the worst of the best peers' ratios, of inference and of training steps."""
    lines = []
    for label, trains in (("inference", False), ("training steps", True)):
        ratios = {f"{result['case'].name}, {result['case'].what}": best_ratio(result) for result in results
                  if (result["case"].task != "forward") == trains and len(result["ratios"]) > 1}
        if ratios:
            worst = min(ratios, key=ratios.get)
            lines.append(f"Best peer / nnc, {label}: geometric mean {statistics.geometric_mean(ratios.values()):.2f} of "
                         f"{len(ratios)}, worst {ratios[worst]:.2f} ({worst}).")
    coarser = {result["case"].name: result["errors"]["nnc"] / result["errors"]["direct"] for result in results
               if result["errors"]["direct"]}
    if coarser:
        worst = max(coarser, key=coarser.get)
        lines.append(f"Error with Winograd's filtering / with direct convolutions: at most {coarser[worst]:.1f} ({worst}).")
    return "\n".join(lines)


def memory_table(results, peers):
    """`results`: what compare() in compare.py returns."""
    measured = {name for result in results for name in result["beyond_weights"]}
    names = [name for name in ("nnc", "frozen", *peers) if name in measured]
    rows = []
    for result in results:
        row = [result["case"].name, result["case"].what, f"{result['weights'] * 1e-6:.1f}"]
        for name in names:
            row.append(f"{result['beyond_weights'][name] * 1e-6:.1f}" if name in result["beyond_weights"] else "-")
        rows.append(row)
    return "Peak memory of a process beyond the weights:\n\n" + table(
        ["model", "task", "weights MB"] + [f"{LABELS[name]} MB" for name in names], rows)


def threads_table(results):
    """`results`: what compare_threads() in compare.py returns."""
    rows, others = [], 0
    for result in results:
        for name in (name for name in LABELS if name in result):
            free, busy = (result[name][cores] for cores in ("free", "busy"))
            others = max(others, result[name]["others"])
            rows.append([result["case"].name, LABELS[name],
                         *(number(1e3 * statistics.median(free[threads])) for threads in (1, 2)),
                         *(f"{timing.ratio(times[2], times[1]):.2f}" for times in (free, busy))])
    warning = ""
    if others > 0.05:
        warning = f"\n\n**Other processes had {100 * others:.0f} % of both cores: do not keep these numbers.**"
    header = ["model", "", "1 thread ms", "2 threads ms", "2 / 1", "2 / 1, one core busy"]
    return "Inference on two threads and two cores:\n\n" + table(header, rows) + warning


def recipe_table(runs):
    """`runs`: {name: [dict of train_seconds, wall_seconds, test_accuracy]}."""
    ours = runs["nnc"]
    rows = []
    for name, results in runs.items():
        median = {key: statistics.median(run[key] for run in results) for key in results[0]}
        row = [LABELS[name], f"{median['train_seconds']:.2f} s", f"{median['wall_seconds']:.2f} s"]
        for key in ("train_seconds", "wall_seconds"):
            row.append(f"{median[key] / statistics.median(run[key] for run in ours):.2f}")
        rows.append(row + [f"{100 * median['test_accuracy']:.1f} %"])
    return table(["", "steps", "whole process", "steps / nnc", "process / nnc", "test accuracy"], rows)


def processor():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())


def surroundings(program, repository, results):
    """Date, processor, versions, the peak with its spread over all rounds, and whether the core was ours."""
    versions = []
    for package in ("torch", "torchvision", "onnxruntime", "openvino", "numpy"):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    commit = ""
    if program.startswith(repository + "/"):
        commit = subprocess.run(["git", "-C", repository, "describe", "--always", "--dirty"],
                                capture_output=True, text=True).stdout.strip()
    lines = [f"{datetime.date.today()}, {processor()}, nnc {commit or 'of an unknown commit'}, {', '.join(versions)}, "
             f"Python {platform.python_version()}."]
    if not results:
        return lines[0]
    peaks = [rate for result in results for rate in result["peaks"]]
    cuts = statistics.quantiles(peaks, n=20)
    lines += [f"Multiply-add peak of the core: {statistics.median(peaks):.0f} GFLOP/s "
              f"(90 % of the rounds within {cuts[0]:.0f} to {cuts[-1]:.0f})."]
    core = min(result["core"] for result in results)
    if core < 0.95:
        lines.append(f"**The core was shared, {100 * (1 - core):.0f} % of the time in one case: do not keep these numbers.**")
    return "\n".join(lines)
