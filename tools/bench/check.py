"""The check before timing: whoever computes something else is not timed."""

import numpy
import torch

from contenders import Eager

STEPS = 5
# Errors are relative to the largest value. A step of Adam divides by the gradient's own size and so turns the
# rounding of a gradient near zero into a change of a parameter: its parameters agree less than its losses.
LIMITS = {"forward": 2e-4, "sgd": 2e-4, "adam": 5e-3}


def _values(contender, problem):
    """The arrays to compare: the output; in training the losses of some steps and the parameters after them."""
    if not problem.trains:
        return [contender.output()]
    contender.reset()
    losses = numpy.array([float(contender.loss()) for _ in range(STEPS)])
    parameters = contender.parameters()
    return [losses] + [parameters[name] for name in sorted(parameters)]


class Reference:
    """What PyTorch computes in double precision."""

    def __init__(self, problem):
        self.problem = problem
        self.values = _values(Eager(problem, torch.float64), problem)

    def error(self, contender):
        """The largest difference, relative to the largest value of that array."""
        errors = []
        for expected, actual in zip(self.values, _values(contender, self.problem), strict=True):
            assert expected.shape == actual.shape, f"shape {actual.shape}, must be {expected.shape}"
            largest = max(numpy.abs(expected).max(), 1e-30)
            errors.append(numpy.abs(actual - expected).max() / largest)
        return max(errors)

    @property
    def limit(self):
        return LIMITS[self.problem.case.task]
