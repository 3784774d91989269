"""The check before timing: whoever computes something else is not timed.

An output may differ from PyTorch's in double precision by 2e-4 of its largest value, or by eight times what PyTorch's own
differs in single precision. Of training, the losses of two steps are compared likewise, and what these steps added to
the parameters by its norm: where the input of a relu or the gap between two maxima is within rounding of zero, a right
computation may take the other branch, after which Adam turns every small gradient into a step of full size. How much
that is in the case at hand shows when the input of the double precision computation changes by its rounding."""

import numpy
import torch

from cases import ADAM, SGD
from contenders import Eager

ROUNDING = 2e-6  # of an activation after some layers in single precision, relative to its size
PERTURBATIONS = 4  # of the input, of which the largest effect counts
STEPS = 2  # the second one uses what the optimizer keeps; with more, deep networks multiply any rounding
LIMIT, TIMES_EAGER = 2e-4, 8
LIMITS_OF_UPDATES = {SGD: 2e-3, ADAM: 0.1}


def _largest_difference(expected, actual):
    assert expected.shape == actual.shape, f"shape {actual.shape}, must be {expected.shape}"
    return numpy.abs(actual - expected).max() / max(numpy.abs(expected).max(), 1e-30)


def _losses_and_updates(contender):
    contender.reset()
    before = {name: array.copy() for name, array in contender.parameters().items()}
    losses = numpy.array([float(contender.loss()) for _ in range(STEPS)])
    after = contender.parameters()
    return losses, numpy.concatenate([(after[name] - before[name]).ravel() for name in sorted(before)])


class Reference:
    """What PyTorch computes in double precision."""

    def __init__(self, problem):
        self.trains = problem.trains
        exact = Eager(problem, torch.float64)
        if self.trains:
            self.losses, self.updates = _losses_and_updates(exact)
            sensitivity = self._sensitivity(exact)
        else:
            self.output = exact.output()
            sensitivity = 0
        self.eager_error = self.error(Eager(problem))
        self.limit = max(LIMITS_OF_UPDATES.get(problem.case.task, LIMIT), TIMES_EAGER * self.eager_error, TIMES_EAGER * sensitivity)

    def _sensitivity(self, exact):
        """The largest change of the updates where each element of the input is off by its rounding."""
        generator = torch.Generator().manual_seed(2)
        x, largest = exact.x, 0
        for _ in range(PERTURBATIONS):
            exact.x = x * (1 + ROUNDING * torch.randn(x.shape, generator=generator, dtype=x.dtype))
            largest = max(largest, self.error(exact))
        exact.x = x
        return largest

    def error(self, contender):
        """Of the output its largest difference, of training steps that of their updates in the norm."""
        if not self.trains:
            return _largest_difference(self.output, contender.output())
        losses, updates = _losses_and_updates(contender)
        if _largest_difference(self.losses, losses) > LIMIT:
            raise ValueError(f"its losses are {losses}, must be {self.losses}")
        return numpy.linalg.norm(updates - self.updates) / numpy.linalg.norm(self.updates)
