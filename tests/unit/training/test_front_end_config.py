import msgspec
import pytest

from models.errors import ConfigurationError
from training.front_end_config import (
    KINDS,
    FrontEndConfig,
    LogMelConfig,
    MfccConfig,
    RawFramesConfig,
    SpectrogramConfig,
    from_toml,
    kind,
    to_toml,
)

CONFIGS: list[FrontEndConfig] = [
    LogMelConfig(bands=64, level="db-of-max", normalisation="unit", centred=True),
    SpectrogramConfig(frame_samples=400, hop_samples=400, low_hz=0, high_hz=1000, floor=1e-12),
    MfccConfig(bands=40, coefficients=20, normalisation="standard"),
    RawFramesConfig(frame_samples=40, hop_samples=20),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_front_end_is_read_back_as_it_was_written(config: FrontEndConfig) -> None:
    assert from_toml(to_toml(config)) == config
    in_json = msgspec.json.encode(config)
    assert msgspec.json.decode(in_json, type=FrontEndConfig) == config


def test_every_kind_has_its_own_name() -> None:
    assert KINDS == ("log-mel", "spectrogram", "mfcc", "raw-frames")
    assert [kind(config) for config in CONFIGS] == list(KINDS)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('kind = "wavelets"', "wavelets"),
        ('kind = "log-mel"\nband = 12', "band"),
        ('kind = "log-mel"\nbands = "many"', "bands"),
        ('kind = "log-mel"\nlevel = "loud"', "level"),
        ('kind = "log-mel"\nbands = 0', "0 mel bands"),
        ('kind = "log-mel"\nhigh_hz = 1200', "25 to 1200 Hz"),
        ('kind = "log-mel"\nfloor = 0', "floor"),
        ('kind = "spectrogram"\nlow_hz = 33.0\nhigh_hz = 45.0', "15.625 Hz apart"),
        ('kind = "mfcc"\nbands = 12\ncoefficients = 13', "from 1 to 12"),
        ('kind = "raw-frames"\nhop_samples = 0', "positive"),
        ("kind =", "not readable"),
    ],
)
def test_nonsense_is_refused_in_one_line_that_names_it(text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        from_toml(text)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_spectrogram_holds_the_bins_in_range_and_no_others() -> None:
    config = SpectrogramConfig(low_hz=25, high_hz=400)  # bins of 15.625 Hz
    assert (config.bins[0], config.bins[-1]) == (2, 25)
    assert config.features == 24
