"""The check before timing: whoever computes something else is not timed.

An output may differ from PyTorch's in double precision by 2e-4 of its largest value, or by eight times what PyTorch's own
differs in single precision. Of training, the losses of two steps are compared likewise, and what these steps added to
the parameters by its norm: where the input of a relu or the gap between two maxima is within rounding of zero, a right
computation may take the other branch, after which Adam turns every small gradient into a step of full size. How much
that is in the case at hand shows when the input of the double precision computation changes by its rounding."""

import numpy
import torch

from cases import ADAM, SGD
from pytorch import Eager

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
        self.trains = problem.case.trains
        exact = Eager(problem, torch.float64)
        if not self.trains:
            self.output = exact.output()
            self.eager_error = self.error(Eager(problem))
            self.limit = max(LIMIT, TIMES_EAGER * self.eager_error)
            return
        self.losses, self.updates = _losses_and_updates(exact)
        of_losses, of_updates = self._sensitivity(exact)
        loss_error, self.eager_error = self._training_errors(Eager(problem))
        self.loss_limit = max(LIMIT, TIMES_EAGER * max(loss_error, of_losses))
        self.limit = max(LIMITS_OF_UPDATES[problem.case.task], TIMES_EAGER * max(self.eager_error, of_updates))

    def _sensitivity(self, exact):
        """The largest errors where each element of the input is off by its rounding."""
        generator = torch.Generator().manual_seed(2)
        x, errors = exact.x, []
        for _ in range(PERTURBATIONS):
            exact.x = x * (1 + ROUNDING * torch.randn(x.shape, generator=generator, dtype=x.dtype))
            errors.append(self._training_errors(exact))
        exact.x = x
        return numpy.max(errors, axis=0)

    def _training_errors(self, contender):
        """Of the losses the largest difference, of the updates that in the norm."""
        losses, updates = _losses_and_updates(contender)
        of_updates = numpy.linalg.norm(updates - self.updates) / numpy.linalg.norm(self.updates)
        return _largest_difference(self.losses, losses), of_updates

    def error(self, contender):
        """Of the output its largest difference, of training steps that of their updates in the norm."""
        if not self.trains:
            return _largest_difference(self.output, contender.output())
        of_losses, of_updates = self._training_errors(contender)
        if of_losses > self.loss_limit:
            raise ValueError(f"its losses are off by {of_losses:.1e}, allowed is {self.loss_limit:.0e}")
        return of_updates
