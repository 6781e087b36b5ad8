from typing import Any

import pytest
import torch

from models.errors import ConfigurationError
from training import architectures
from training.architectures.blocks import StochasticDepth, to_multiple_of_8
from training.architectures.pooling import AttentionPool
from training.front_end_config import (
    FrontEndConfig,
    LogMelConfig,
    MfccConfig,
    RawFramesConfig,
    SpectrogramConfig,
)

LOG_MEL = LogMelConfig(bands=48)
SPECTROGRAM = SpectrogramConfig(low_hz=0, high_hz=1000)
PANNS_AT_2_KHZ = LogMelConfig(bands=64, level="db", normalisation="none", centred=True)
RECURRENT = ("simple_rnn", "lstm", "gru", "attention_gru")
HUGE = ("cnn14", "resnext101_32x8d", "resnext50_32x4d", "vgg16", "vgg19", "efficientnet_v2_s")
SMALL = tuple(name for name in architectures.NAMES if name not in HUGE)
WINDOW = 10_000


def build(name: str, front_end: FrontEndConfig = LOG_MEL, **options: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return architectures.build(name, 3, front_end, window_samples=WINDOW, **options)


def parameters(net: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def waveform(batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, WINDOW, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("front_end", [LOG_MEL, SPECTROGRAM])
@pytest.mark.parametrize("name", SMALL)
def test_every_small_net_learns_from_log_mel_and_from_the_spectrogram(
    name: str, front_end: FrontEndConfig
) -> None:
    net = build(name, front_end)
    logits = net(waveform())
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    still = {key for key, weight in net.named_parameters() if weight.grad is None}
    # Learnt from the segmenter alone: `training.engine.state_task`.
    states = {key for key, _ in net.named_parameters() if key.startswith("net.states.")}
    assert still == states


@pytest.mark.parametrize("front_end", [RawFramesConfig(), MfccConfig(), LOG_MEL])
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_nets_take_frames_of_any_kind(name: str, front_end: FrontEndConfig) -> None:
    assert build(name, front_end)(waveform()).shape == (2, 3)


def test_cnn14_hears_the_waveform_by_itself() -> None:
    net = build("cnn14", PANNS_AT_2_KHZ).eval()
    with torch.no_grad():
        heard, louder = net(torch.stack([waveform(1)[0], 3 * waveform(1)[0]]))
    assert heard.shape == (3,)
    assert not torch.allclose(heard, louder)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("ours", 10_000, 100_000),
        ("four_block_cnn", 450_000, 550_000),
        ("two_block_attention_cnn", 20_000, 200_000),
        ("patch_transformer", 200_000, 400_000),
    ],
)
def test_nets_are_as_large_as_they_are_meant_to_be(name: str, low: int, high: int) -> None:
    assert low < parameters(build(name)) <= high


@pytest.mark.parametrize("pooling", ["mean", "mean-max", "attention"])
def test_ours_is_shaped_by_its_options(pooling: str) -> None:
    net = build(
        "ours",
        pooling=pooling,
        squeeze=True,
        kernel=5,
        maps=[8, 12, 16],  # lists, as a recipe has them
        strides=[[2, 2], [2, 2], [2, 1]],
        repeats=1,
    )
    assert net(waveform()).shape == (2, 3)
    assert parameters(net) < 3000


def test_a_recurrent_net_hears_the_last_frames_and_attention_hears_all() -> None:
    first_half_changed = waveform()
    first_half_changed[:, : WINDOW // 2] = 0
    front_end = RawFramesConfig()
    attending = build("attention_gru", front_end).eval()
    assert not torch.allclose(attending(waveform()), attending(first_half_changed), atol=1e-3)


def test_attention_weighs_frames_by_their_score() -> None:
    pool = AttentionPool(4)
    sequence = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for weight in pool.parameters():
            weight.zero_()
        assert pool(sequence).numpy() == pytest.approx(sequence.mean(1).numpy(), abs=1e-6)
        pool.state_dict()["score.0.weight"][0, 0] = 100.0
        pool.state_dict()["score.2.weight"][0, 0] = 100.0
        sequence[:, :, 0] = -1
        sequence[:, 3, 0] = 1
        assert pool(sequence).numpy() == pytest.approx(sequence[:, 3].numpy(), abs=1e-6)


def test_depth_is_dropped_in_training_alone_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer = StochasticDepth(0.25)
    branch = torch.ones(4000, 1, 1, 1)
    dropped = layer.train()(branch)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(layer.eval()(branch), branch)


def test_channels_are_rounded_as_the_mobilenets_round() -> None:
    assert [to_multiple_of_8(count) for count in (4, 18, 19, 24, 30, 60, 72)] == [
        *(8, 24, 24, 24, 32, 64, 72)
    ]


@pytest.mark.parametrize(
    ("name", "front_end", "options", "complaint"),
    [
        ("resnet19", LOG_MEL, {}, "choose one of ours"),
        ("ours", LOG_MEL, {"depth": 3}, "no option depth: it has maps"),
        ("ours", LOG_MEL, {"dropout": "high"}, "dropout = 'high': Expected `float`"),
        ("ours", LOG_MEL, {"dropout": 2.0}, "dropout probability has to be between 0 and 1"),
        ("ours", LOG_MEL, {"pooling": "sum"}, "'sum'"),
        ("gru", LOG_MEL, {"cell": "lstm"}, "no option cell"),
        ("resnet18", LOG_MEL, {"channels": 3}, "no option channels"),
        ("lstm", LOG_MEL, {"bands": 3}, "no option bands"),
        ("ours", LOG_MEL, {"maps": (8, 8)}, "2 stages of maps and 5 strides"),
        ("cnn14", SPECTROGRAM, {}, "not spectrogram"),
        ("cnn14", LOG_MEL, {}, 'level = "db"'),
        ("mobilenet_v2", RawFramesConfig(), {}, "no frequencies"),
        ("vgg16", LogMelConfig(bands=24), {}, "at least 32 bands"),
        ("squeezenet1_1", MfccConfig(), {}, "give 13 and"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    name: str, front_end: FrontEndConfig, options: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        build(name, front_end, **options)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", SMALL)
def test_the_smallest_picture_that_is_allowed_is_one_that_works(name: str) -> None:
    least = architectures.least_side(name)
    front_end = LogMelConfig(bands=least)
    samples = front_end.frame_samples + (least - 1) * front_end.hop_samples
    net = architectures.build(name, 2, front_end, window_samples=samples).eval()
    assert torch.isfinite(net(torch.randn(2, samples))).all()
