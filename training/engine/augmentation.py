"""How sound is varied in training: what a recipe may say, and in which bounds."""

from training.engine.recipe_table import RecipeTable


class Augmentation(RecipeTable, frozen=True, kw_only=True):
    """Strengths; 0, or an empty range, is off. Ranges are drawn from evenly.

    Attributes
    ----------
    shift, flip
        Another beginning, the end wrapped around; either polarity.
    stretch, pitch_semitones
        Factors of tempo at the same pitch; steps of pitch at the same tempo.
    speed
        Factors of tempo and pitch together, as of a smaller or larger heart.
    equaliser_db
        Spread of a random frequency response at its knots.
    microphone
        Share of windows heard by another one: a roll-off at either end and a resonance.
    band_limit
        Share of windows that lose all above a random frequency.
    dither_steps
        Faint noise, in steps of 16 bits, that hides how silence was made.
    coloured_snr_db, recorded_snr_db
        Noise between white and red; noise from ``../shared/data/noise``.
    recorded_share
        Of windows that get the latter.
    repeat
        Share of the windows of recordings shorter than one that are filled with the same sound
        again, and not with silence: on a ward every window is full.
    gaps
        Share of windows of which up to six tenths are silence, at the end or anywhere: as of a
        short recording, and of a stream with holes.
    gain_db
        After scaling, which undoes it before.
    band_mask, frame_mask, masks
        The widest masks as shares of bands and frames, and how many of each.
    mixup
        Both parameters of the Beta distribution.
    """

    shift: bool = False
    flip: bool = False
    stretch: tuple[float, ...] = ()
    pitch_semitones: tuple[float, ...] = ()
    speed: tuple[float, ...] = ()
    equaliser_db: float = 0.0
    microphone: float = 0.0
    band_limit: float = 0.0
    dither_steps: float = 0.0
    coloured_snr_db: tuple[float, ...] = ()
    recorded_snr_db: tuple[float, ...] = ()
    recorded_share: float = 0.5
    repeat: float = 0.0
    gaps: float = 0.0
    gain_db: float = 0.0
    band_mask: float = 0.0
    frame_mask: float = 0.0
    masks: int = 1
    mixup: float = 0.0

    def __post_init__(self) -> None:
        for name in (
            *("stretch", "pitch_semitones", "speed"),
            *("coloured_snr_db", "recorded_snr_db"),
        ):
            ends = getattr(self, name)
            self._require(
                len(ends) in {0, 2} and list(ends) == sorted(ends),
                f"augmentation.{name} = {list(ends)}: give two numbers that rise, or none",
            )
        self._require(
            all(factor > 0 for factor in (*self.stretch, *self.speed)),
            "augmentation.stretch and speed must be positive",
        )
        self._require_share(
            "augmentation",
            *("band_mask", "frame_mask", "microphone"),
            *("band_limit", "recorded_share", "repeat", "gaps"),
        )
        self._require_at_least(
            0, "augmentation", "equaliser_db", "dither_steps", "gain_db", "masks", "mixup"
        )
