"""The ordinary networks: shapes, refusals, checkpoints, and the loss of the autoencoder."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributions, nn
from torch.utils.flop_counter import FlopCounterMode

from utils.data.mnist import load_small
from utils.models.baselines import (
    ConvVAE,
    ConvVAEConfig,
    PlainCNN,
    PlainCNNConfig,
    VAEOutput,
    bernoulli_nats,
    gaussian_kl,
    negative_elbo,
)
from utils.models.rotation_cnn import RotationCNN, plain_classifier
from utils.training import Recipe, Task, load_checkpoint, read_manifest, save_checkpoint, train
from utils.training.presets import EXPERIMENTS
from utils.training.tasks.digit_vae import DigitVAE

NETWORKS = (PlainCNN, ConvVAE)


pytestmark = pytest.mark.usefixtures("one_thread")


def noise(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def loss_of(network: nn.Module, images: Tensor) -> Tensor:
    if isinstance(network, ConvVAE):
        return negative_elbo(images, *network(images)).mean()
    logits = network(images)
    return nn.functional.cross_entropy(logits, torch.arange(len(images)) % logits.shape[1])


def make(kind: type[nn.Module], config: Any = None, seed: int = 0) -> Any:
    """Return a network whose batch-norm statistics and biases are not the initial ones."""
    torch.manual_seed(seed)
    network = kind(config)
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for _ in range(3):
        optimiser.zero_grad()
        loss_of(network, noise(32, seed + 1)).backward()
        optimiser.step()
    return network.eval()


def outputs(network: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """Everything a network says about images, without noise."""
    with torch.no_grad():
        if isinstance(network, ConvVAE):
            mean, log_variance = network.encode(images)
            return mean, log_variance, network.decode(mean)
        assert isinstance(network, PlainCNN)
        return network.encode(images), network(images)


# --- configuration ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        PlainCNNConfig(widths=(2, 3, 4), latent=5, hidden=6, classes=7),
        ConvVAEConfig(latent=3, widths=(4, 5), last=6),
    ],
)
def test_configuration_survives_json(config: PlainCNNConfig | ConvVAEConfig) -> None:
    cls = type(config)
    assert cls.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert cls.from_dict({}) == cls()
    assert hash(cls.from_dict(config.to_dict())) == hash(config)


@pytest.mark.parametrize(
    ("cls", "values", "error", "words"),
    [
        (PlainCNNConfig, {"widths": (4, 6)}, ValueError, "3 entries"),
        (PlainCNNConfig, {"widths": 4}, TypeError, "3 integers"),
        (PlainCNNConfig, {"widths": (4, 0, 8)}, ValueError, r"widths\[1\] .* at least 1"),
        (PlainCNNConfig, {"widths": (4, 6.0, 8)}, TypeError, r"widths\[1\] .* integer"),
        (PlainCNNConfig, {"latent": 0}, ValueError, "latent .* at least 1"),
        (PlainCNNConfig, {"latent": True}, TypeError, "latent .* integer"),
        (PlainCNNConfig, {"classes": 1}, ValueError, "classes .* at least 2"),
        (PlainCNNConfig, {"hidden": "64"}, TypeError, "hidden"),
        (PlainCNNConfig, {"depth": 3}, ValueError, "unknown field 'depth'"),
        (ConvVAEConfig, {"widths": (4, 6, 8)}, ValueError, "2 entries"),
        (ConvVAEConfig, {"latent": 0}, ValueError, "latent .* at least 1"),
        (ConvVAEConfig, {"last": 1.5}, TypeError, "last .* integer"),
        (ConvVAEConfig, {"classes": 10}, ValueError, "unknown field 'classes'"),
    ],
)
def test_bad_configurations_are_refused(
    cls: Any, values: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        cls.from_dict(values)


def test_a_network_refuses_the_configuration_of_the_other() -> None:
    with pytest.raises(TypeError, match="made from a PlainCNNConfig, not a ConvVAEConfig"):
        PlainCNN(ConvVAEConfig())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="made from a ConvVAEConfig, not a PlainCNNConfig"):
        ConvVAE(PlainCNNConfig())  # type: ignore[arg-type]


# --- size ------------------------------------------------------------------------------


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_plain_network_is_as_large_as_the_steerable_one() -> None:
    steerable = size(RotationCNN())
    assert steerable == 20_431
    assert abs(size(PlainCNN()) / steerable - 1) < 0.05
    wider = PlainCNNConfig(widths=(16, 32, 48))
    assert abs(size(PlainCNN(wider)) / steerable - 1) > 0.05


def test_the_auto_encoder_is_small() -> None:
    assert size(ConvVAE()) <= 150_000
    assert sum(t.numel() * t.element_size() for t in ConvVAE().checkpoint_state().values()) < 2**20


# --- shapes and refusals ---------------------------------------------------------------


def test_shapes_of_the_plain_network() -> None:
    network = make(PlainCNN, PlainCNNConfig(widths=(2, 3, 4), latent=5, hidden=6, classes=7))
    assert network.encode(noise(3)).shape == (3, 5)
    assert network(noise(3)).shape == (3, 7)
    assert network.encode(noise(0)).shape == (0, 5)
    assert network(noise(1)).shape == (1, 7)


def test_shapes_of_the_auto_encoder() -> None:
    network = make(ConvVAE, ConvVAEConfig(latent=3, widths=(4, 5), last=6))
    for count in (0, 1, 4):
        output = network(noise(count))
        assert isinstance(output, VAEOutput)
        assert output.logits.shape == (count, 1, 28, 28)
        mean, log_variance = network.encode(noise(count))
        assert mean.shape == log_variance.shape == (count, 3)
        assert network.decode(mean).shape == (count, 1, 28, 28)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (torch.zeros(2, 1, 29, 29), ValueError, r"\(B, 1, 28, 28\), not \(2, 1, 29, 29\)"),
        (torch.zeros(2, 3, 28, 28), ValueError, "must have shape"),
        (torch.zeros(2, 28, 28), ValueError, "must have shape"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), TypeError, "torch.uint8"),
        ([[0.0]], TypeError, "floating-point tensor .* not list"),
    ],
)
def test_wrong_images_are_refused(
    kind: type[nn.Module], images: Any, error: type[Exception], words: str
) -> None:
    network: Any = kind().eval()
    calls = [network.encode, network]
    if kind is PlainCNN:
        calls.append(network.features)
    for call in calls:
        with pytest.raises(error, match=words):
            call(images)


def test_wrong_codes_are_refused() -> None:
    network = ConvVAE().eval()
    for codes in (torch.zeros(2, 15), torch.zeros(16)):
        with pytest.raises(ValueError, match=r"must have shape \(B, 16\)"):
            network.decode(codes)
    with pytest.raises(TypeError, match=r"torch\.int64"):
        network.decode(torch.zeros(2, 16, dtype=torch.int64))


# --- what the networks compute ---------------------------------------------------------


@pytest.mark.parametrize("kind", NETWORKS)
def test_in_pieces_is_as_at_once(kind: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = make(kind), noise(23)
    whole = outputs(network, images)
    monkeypatch.setattr(kind, "_rows", 5)
    lengths = []
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    first.register_forward_hook(lambda module, given, result: lengths.append(len(result)))
    for part, one in zip(outputs(network, images), whole, strict=True):
        torch.testing.assert_close(part, one, rtol=1e-5, atol=1e-5)
    assert lengths[:5] == [5, 5, 5, 5, 3]
    lengths.clear()
    network(images)  # gradients are wanted
    network.train()
    with torch.no_grad():  # batch norm needs the whole batch
        network(images)
    assert lengths == [23, 23]


@pytest.mark.parametrize("kind", NETWORKS)
def test_gradients_reach_every_parameter(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network = kind()
    loss_of(network, noise(16)).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0, name


def test_every_stage_of_the_plain_network() -> None:
    network, images = make(PlainCNN), noise(4)
    with torch.no_grad():
        found = network.features(images)
        codes, logits = network.encode(images), network(images)
    assert list(found) == [
        *(f"{kind}{number}" for number in (1, 2, 3) for kind in ("conv", "relu", "pool")),
        "code",
        "logits",
    ]
    assert [found[f"pool{i}"].shape[1:] for i in (1, 2, 3)] == [
        (12, 14, 14),
        (24, 7, 7),
        (36, 3, 3),
    ]
    assert torch.equal(found["code"], codes)
    assert torch.equal(found["logits"], logits)
    # No stage overwrites the one before it.
    assert float(found["conv1"].min()) < 0
    assert torch.equal(found["relu1"], found["conv1"].relu())
    assert float(codes.min()) < 0 < float(codes.max())


def test_the_last_pooling_reads_the_whole_grid() -> None:
    """A window of two on seven pixels would leave the last row and column unread."""
    network = make(PlainCNN)

    def unread_rows_and_columns() -> tuple[int, int]:
        found = network.features(noise(8))
        (gradient,) = torch.autograd.grad(found["code"].square().sum(), found["relu3"])
        used = gradient.abs().sum(dim=(0, 1)) > 0
        return int((~used.any(dim=1)).sum()), int((~used.any(dim=0)).sum())

    assert unread_rows_and_columns() == (0, 0)
    network.stages.pool3 = nn.MaxPool2d(2)
    assert unread_rows_and_columns() == (1, 1)


def least_error(codes: Tensor, turned: Tensor) -> float:
    """Relative distance of two sets of codes after the best linear map between them."""
    codes = torch.cat([codes, torch.ones(len(codes), 1)], dim=1)
    fitted = codes @ torch.linalg.lstsq(codes, turned).solution
    return float((fitted - turned).norm() / (turned - turned.mean(dim=0)).norm())


@pytest.mark.parametrize("kind", NETWORKS)
def test_nothing_is_equivariant_under_a_quarter_turn(kind: type[nn.Module]) -> None:
    """The measure that is rounding for the rotation network is large here.

    Not even the best of all affine maps takes the codes to those of the turned digits.
    """
    images = load_small().images[::10]
    turned = torch.rot90(images, 1, (-2, -1))

    def error(encode: Callable[[Tensor], Tensor]) -> float:
        with torch.no_grad():
            return least_error(encode(images).flatten(1), encode(turned).flatten(1))

    network = make(kind)
    plain = error(lambda x: network.encode(x)[0] if kind is ConvVAE else network.encode(x))
    torch.manual_seed(0)
    steerable = error(RotationCNN().eval().encode)
    assert steerable < 1e-3
    assert plain > 0.1


# --- checkpoints -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_checkpoint_gives_the_same_network(kind: type[nn.Module], tmp_path: Path) -> None:
    network = make(kind)
    save_checkpoint(tmp_path / "one", network)
    loaded, manifest = load_checkpoint(tmp_path / "one", config=type(network.config)())
    assert type(loaded) is kind
    assert not loaded.training
    assert manifest["model"]["parameters"] == size(network)
    for here, there in zip(outputs(loaded, noise(5)), outputs(network, noise(5)), strict=True):
        assert torch.equal(here, there)
    fresh = kind().eval()
    different = outputs(fresh, noise(5))[0]
    assert not torch.allclose(different, outputs(network, noise(5))[0])
    # The mode stays, and what was learned is the same in both.
    fresh.train()
    fresh.load_checkpoint_state(network.checkpoint_state())
    assert fresh.training
    assert torch.equal(outputs(fresh.eval(), noise(5))[0], outputs(network, noise(5))[0])


@pytest.mark.parametrize(
    ("kind", "config"),
    [(PlainCNN, PlainCNNConfig(latent=25)), (ConvVAE, ConvVAEConfig(latent=17))],
)
def test_a_checkpoint_of_another_architecture_is_refused(
    kind: type[nn.Module], config: Any, tmp_path: Path
) -> None:
    network: Any = kind()
    other = ConvVAE if kind is PlainCNN else PlainCNN
    save_checkpoint(tmp_path / "one", network)
    with pytest.raises(ValueError, match="another configuration: latent is"):
        load_checkpoint(tmp_path / "one", config=config)
    with pytest.raises(ValueError, match="another configuration"):
        load_checkpoint(tmp_path / "one", config=other().config)
    with pytest.raises(ValueError, match=f"{kind.__name__}Config.* {other.__name__}"):
        load_checkpoint(tmp_path / "one", model_class=other)
    with pytest.raises(ValueError, match=f"RotationCNNConfig.* {kind.__name__}"):
        load_checkpoint("rotated-mnist-c8-seed0", model_class=kind)

    before = network.checkpoint_state()
    for state, words in [
        (other().checkpoint_state(), "it lacks"),
        (kind(config).checkpoint_state(), "has shape .* expected"),
        ({**before, "extra": torch.zeros(1)}, "unexpected 'extra'"),
        (dict(list(before.items())[1:]), r"it lacks .* \(and 0 more\)"),
    ]:
        with pytest.raises(ValueError, match=words) as caught:
            network.load_checkpoint_state(state)
        assert "\n" not in str(caught.value)
        assert "make the network from the configuration" in str(caught.value)
    for name, tensor in network.checkpoint_state().items():
        assert torch.equal(tensor, before[name])  # a refusal changes nothing


# --- the loss of the autoencoder ------------------------------------------------------


def random_output(seed: int = 0) -> tuple[Tensor, VAEOutput]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(6, 1, 28, 28, generator=generator)
    mean = torch.randn(6, 4, generator=generator)
    log_variance = torch.randn(6, 4, generator=generator)
    return (noise(6, seed) > 0.5).float(), VAEOutput(logits, mean, log_variance)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_the_bound_is_that_of_torch_distributions(beta: float) -> None:
    images, output = random_output()
    likelihood = distributions.Bernoulli(logits=output.logits).log_prob(images).sum((1, 2, 3))
    posterior = distributions.Normal(output.mean, (output.log_variance / 2).exp())
    prior = distributions.Normal(torch.zeros(4), torch.ones(4))
    divergence = distributions.kl_divergence(posterior, prior).sum(dim=1)
    found = negative_elbo(images, *output, beta=beta)
    torch.testing.assert_close(found, -likelihood + beta * divergence, rtol=1e-5, atol=1e-4)
    # The comparison can fail: it does when standard deviation and variance are mixed up.
    wrong = distributions.kl_divergence(
        distributions.Normal(output.mean, output.log_variance.exp()), prior
    ).sum(dim=1)
    assert not torch.allclose(gaussian_kl(output.mean, output.log_variance), wrong, rtol=0.05)


def test_grey_pixels_cost_the_cross_entropy_and_overshoot_is_clamped() -> None:
    probability = torch.full((1, 1, 28, 28), 0.3)
    logits = torch.logit(probability)
    entropy = distributions.Bernoulli(probs=probability).entropy().sum()
    assert float(bernoulli_nats(probability, logits)) == pytest.approx(float(entropy), rel=1e-5)
    assert float(bernoulli_nats(probability, logits + 0.1)) > float(entropy)
    images = 1.4 * noise(3) - 0.2
    logits = torch.randn(3, 1, 28, 28)
    assert torch.equal(bernoulli_nats(images, logits), bernoulli_nats(images.clamp(0, 1), logits))


def test_the_divergence_vanishes_only_for_the_prior() -> None:
    zero = torch.zeros(3, 4)
    assert torch.equal(gaussian_kl(zero, zero), torch.zeros(3))
    small = 1e-4 * torch.randn(1000, 4)
    assert bool((gaussian_kl(torch.zeros(1000, 4), small) >= 0).all())
    assert bool((gaussian_kl(zero + 0.1, zero) > 0).all())


def test_bad_arguments_of_the_loss_are_refused() -> None:
    images, output = random_output()
    with pytest.raises(ValueError, match="same shape"):
        negative_elbo(images[:3], *output)
    with pytest.raises(ValueError, match=r"same shape \(B, d\)"):
        gaussian_kl(output.mean, output.log_variance[:, :1])
    for beta in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="beta must be"):
            negative_elbo(images, *output, beta=beta)


def test_codes_are_drawn_from_the_posterior(monkeypatch: pytest.MonkeyPatch) -> None:
    network = make(ConvVAE)
    image = noise(1)
    drawn: list[Tensor] = []
    network.decoder.register_forward_pre_hook(lambda module, given: drawn.append(given[0]))
    monkeypatch.setattr(
        network.encoder[-1],
        "bias",
        nn.Parameter(torch.cat([torch.linspace(-2, 2, 16), torch.linspace(-3, 3, 16)])),
    )
    with torch.no_grad():
        output = network(image.expand(4000, 1, 28, 28), torch.Generator().manual_seed(0))
    codes = torch.cat(drawn)
    deviation = (output.log_variance[0] / 2).exp()
    torch.testing.assert_close(codes.std(dim=0), deviation, rtol=0.06, atol=0)
    standard = (codes.mean(dim=0) - output.mean[0]) / deviation
    assert float(standard.abs().max()) < 4 / 4000**0.5


@pytest.mark.parametrize("mode", [True, False])
def test_training_starts_from_pictures_with_little_ink(mode: bool) -> None:
    """Not much worse than the best picture that is one grey everywhere, before any training."""
    images = load_small().images[::20]
    uniform = torch.full_like(images, float(images.mean().logit()))
    best = float(bernoulli_nats(images, uniform).mean())
    torch.manual_seed(0)
    network = ConvVAE().train(mode)

    def cost() -> float:
        with torch.no_grad():
            logits = network(images, torch.Generator().manual_seed(0)).logits
        return float(bernoulli_nats(images, logits).mean())

    assert cost() < 1.1 * best
    with torch.no_grad():
        network.decoder[-1].bias.zero_()
    assert cost() > 1.5 * best


def test_the_generator_decides_the_noise() -> None:
    network, images = make(ConvVAE), noise(3)

    def logits(seed: int) -> Tensor:
        return network(images, torch.Generator().manual_seed(seed)).logits

    torch.manual_seed(1)
    first, state = logits(5), torch.get_rng_state()
    assert torch.equal(first, logits(5))
    assert torch.equal(state, torch.get_rng_state())  # the global state is left alone
    assert not torch.equal(first, logits(6))
    assert not torch.equal(network(images).logits, network(images).logits)


def test_the_log_variance_is_bounded_softly() -> None:
    network = make(ConvVAE)
    with torch.no_grad():
        raw = network.encoder(noise(3))[:, 16:]
        near = network.encode(noise(3))[1]
        torch.testing.assert_close(near, 8 * torch.tanh(raw / 8))
        network.encoder[-1].bias[16:] = torch.tensor([1e6, -1e6]).repeat(8)
        mean, far = network.encode(noise(3))
        assert torch.equal(far.abs(), torch.full_like(far, 8.0))
        assert bool(negative_elbo(noise(3), *network(noise(3))).isfinite().all())
        assert bool(mean.isfinite().all())


# --- the task --------------------------------------------------------------------------


def task(**values: Any) -> DigitVAE:
    given = {
        "preset": "smoke",
        "recipe": Recipe(epochs=3, batch_size=20, learning_rate=5e-3),
        "source": "small",
        "training_size": 1000,
        "validation_size": 100,
        "test_size": 200,
        "angles": "fixed",
        "network": {"latent": 8, "widths": (8, 12), "last": 4},
    }
    return DigitVAE(**{**given, **values})


def test_the_auto_encoder_trains_and_its_metrics_add_up(tmp_path: Path) -> None:
    one: Task = task()
    result = train(one, tmp_path / "run", command="vae", accelerator="cpu", progress=False)
    assert result.finished
    model, manifest = load_checkpoint(tmp_path / "run", task="digit-vae", preset="smoke")
    assert isinstance(model, ConvVAE)
    assert manifest["model"]["config"]["latent"] == 8
    found = manifest["metrics"]
    total = found["test_reconstruction"] + found["test_kl"]
    assert found["test_negative_elbo"] == pytest.approx(total, rel=1e-6)
    assert found["test_kl"] > 1
    first, last = (read_manifest(tmp_path / "run")["history"][i] for i in (0, -1))
    assert last["validation_negative_elbo"] < first["validation_negative_elbo"]
    # Better than the best picture that is the same for all digits.
    images, _ = one.load_data().evaluation("test")
    images = images.clamp(0, 1)
    average = images.mean(dim=0, keepdim=True).clamp(1e-4, 1 - 1e-4).logit().expand_as(images)
    assert found["test_reconstruction"] < 0.98 * float(bernoulli_nats(images, average).mean())


def test_the_loss_calls_the_network_and_nothing_else() -> None:
    """Wrapped for several processes, a network can only be called."""

    class Wrapped(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = [inner]

        def forward(self, *given: Tensor) -> Any:
            return self.inner[0](*given)

    images, network = noise(6), task().build_model()
    batch = (images, torch.zeros(6, dtype=torch.long))
    losses = []
    for beta in (1.0, 4.0):
        torch.manual_seed(0)
        losses.append(task(beta=beta).loss(Wrapped(network), batch, 0.5))
        torch.manual_seed(0)
        expected = negative_elbo(images, *network(images), beta=beta).mean()
        torch.testing.assert_close(losses[-1], expected)
    assert losses[1].item() > losses[0].item()


def test_the_task_is_described_and_checked() -> None:
    assert task(beta=2.0).configuration()["beta"] == 2.0
    assert "seed" not in task().configuration()
    changed = dataclasses.replace(task(), seed=3)
    assert changed.load_data().facts["checksum"] == task().load_data().facts["checksum"]
    with pytest.raises(ValueError, match="beta must be"):
        task(beta=-1.0)
    with pytest.raises(ValueError, match="unknown field 'width'"):
        task(network={"width": 3}).build_model()


# -- equal arithmetic


def products(network: nn.Module) -> int:
    """Count the multiplications of one image by hand: weights times places, layer by layer."""
    found = []

    def count(layer: Any, _: Any, output: Tensor) -> None:
        places = output[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
        found.append(layer.weight.numel() * places)

    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        network(torch.zeros(1, 1, 28, 28))
    for hook in hooks:
        hook.remove()
    return sum(found)


def test_the_preset_of_equal_arithmetic_multiplies_as_often_as_c8():
    """Counted by hand on the C8 network written out, and by PyTorch's counter on e2cnn's own."""
    presets = EXPERIMENTS["rotated-mnist"].presets
    c8 = presets["c8"].task().build_model().eval()
    wide, narrow = (presets[p].task().build_model() for p in ("plain-arithmetic", "plain"))
    steerable = products(plain_classifier(c8))
    counted = []
    for network in (c8, wide.eval()):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, 1, 28, 28))
        counted.append(counter.get_total_flops() // 2)
    # The corners of the pixels are read by a function, which only the counter sees in e2cnn's.
    assert counted[0] - steerable == 29 * 29 * 16
    assert counted[1] == products(wide)
    assert abs(products(wide) / counted[0] - 1) < 0.1
    assert abs(products(narrow.eval()) / counted[0] - 1) > 0.8  # the one of equal parameters
    assert presets["plain-arithmetic"].task().recipe == presets["c8"].task().recipe
