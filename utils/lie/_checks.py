"""What every measurement is given, checked before any work, and what it may meet on its way."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from utils._checks import check_finite, check_float
from utils.generators import FeatureRepresentation, Generator

Model = Callable[[Tensor], Tensor]

_MATH = "measure inside `with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):`"


def check_arguments(
    model: Model, images: Tensor, generators: Sequence[Generator], output: FeatureRepresentation
) -> None:
    """Check all but the shape of the images, which the generators check."""
    if not callable(model):
        raise TypeError(f"The model must be callable, but it is a {type(model).__name__}.")
    check_finite(check_float(images, "The batch of images"), "The batch of images")
    if not generators:
        raise ValueError("There must be at least one generator, but the list is empty.")
    for generator in generators:
        if not isinstance(generator, Generator):
            raise TypeError(
                f"A generator is made by utils.lie.generator or affine_generator, but this is a "
                f"{type(generator).__name__}."
            )
    check_representation(output, "output")
    check_modules(model)


def check_representation(value: object, what: str) -> None:
    """Check that something is a representation of features."""
    if not isinstance(value, FeatureRepresentation):
        raise TypeError(
            f"{what} must be a representation such as Trivial() or Image(), but it is a "
            f"{value.__name__ if isinstance(value, type) else type(value).__name__}."
        )


def module_of(model: Model) -> nn.Module | None:
    """Return the network behind a model: itself, or what a bound method belongs to."""
    owner = model if isinstance(model, nn.Module) else getattr(model, "__self__", None)
    return owner if isinstance(owner, nn.Module) else None


def check_modules(model: Model) -> None:
    """Refuse what forward-mode differentiation cannot enter, as far as modules show it."""
    owner = module_of(model)
    if owner is None:
        return
    for name, module in owner.named_modules():
        what = f"{f'Layer {name!r}' if name else 'The model'} is a {type(module).__name__}"
        if isinstance(module, _BatchNorm | _DropoutNd) and module.training:
            raise ValueError(
                f"{what} in training mode, where an output depends on the other images of the "
                f"batch or on chance; call model.eval() first."
            )
        if isinstance(module, nn.LSTM) and next(module.parameters()).dtype == torch.float32:
            raise ValueError(
                f"{what}, and forward-mode differentiation cannot enter its fused kernel; convert "
                f"the model and the images to float64, which has no such kernel on a CPU, or "
                f"replace it by a loop over torch.nn.LSTMCell."
            )
        fused = isinstance(module, nn.TransformerEncoderLayer | nn.MultiheadAttention)
        if fused and not module.training and torch.backends.mha.get_fastpath_enabled():
            raise ValueError(
                f"{what} with a fused fast path, which forward-mode differentiation cannot enter; "
                f"call torch.backends.mha.set_fastpath_enabled(False) first, and {_MATH}."
            )


def check_outputs(outputs: object, images: Tensor) -> None:
    """Check that a model has returned one floating-point tensor with a row for each image."""
    if (
        not isinstance(outputs, Tensor)
        or not outputs.is_floating_point()
        or outputs.ndim == 0
        or len(outputs) != len(images)
    ):
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(
            f"The model must return one floating-point tensor with an entry for each of the "
            f"{len(images)} images, but it returned {found}."
        )


@contextlib.contextmanager
def forward_mode(model: object = None) -> Iterator[None]:
    """Say in one sentence what to do if forward-mode differentiation stops inside a model."""
    try:
        yield
    except (NotImplementedError, RuntimeError) as error:
        message = str(error)
        if "forward AD" in message and "scaled_dot_product" in message:
            said = f"The model calls fused attention; {_MATH}, or write the attention out."
        elif "autograd.Function" in message:
            said = (
                f"{_stopped_in(error, model)} calls a torch.autograd.Function without what "
                f"forward mode needs, the static methods setup_context and jvp; add them, or write "
                f"the step in plain tensor operations."
            )
        elif "forward AD" in message:
            step = message.partition("forward AD with ")[2].split(" ")[0] or "an operation"
            said = f"The model calls {step}; write this step in plain tensor operations."
        elif "have storage" in message:
            said = "The model leaves PyTorch for NumPy; write this step in tensor operations."
        elif "captured Tensor" in message:
            said = (
                "The model changes a tensor of its own while it runs, as batch norm does in "
                "training mode; call model.eval() or remove the change in place."
            )
        else:
            raise
        raise ValueError(f"Forward-mode differentiation cannot enter the model. {said}") from error


def _stopped_in(error: Exception, model: object) -> str:
    """Name the innermost layer that was running when an error was raised."""
    frames = (frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__))
    inner = next((one for one in reversed(list(frames)) if isinstance(one, nn.Module)), None)
    if inner is None:
        return "It"
    owner = model if isinstance(model, nn.Module) else getattr(model, "__self__", None)
    modules = owner.named_modules() if isinstance(owner, nn.Module) else ()
    name = next((name for name, module in modules if module is inner), "")
    return f"Layer {name!r}, a {type(inner).__name__}," if name else f"A {type(inner).__name__}"
