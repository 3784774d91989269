"""Saves an exported program so that the file does not depend on where it was made."""

import os
import site
import sys

import torch

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def save(program, path):
    """Like torch.export.save, but source lines are named relative to this repository or to site-packages,
    and the example inputs are left out."""
    prefixes = [_ROOT + os.sep] + [p + os.sep for p in site.getsitepackages() + [sys.prefix]]
    for node in program.graph.nodes:
        trace = node.meta.get("stack_trace")
        if trace:
            for prefix in prefixes:
                trace = trace.replace(prefix, "")
            node.meta["stack_trace"] = trace
    program._example_inputs = None
    torch.export.save(program, path)
