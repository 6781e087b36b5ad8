"""What passes the pipeline's filter: the gain of steady tones, as a device of each rate sends them.

    python -m tests.benchmarks.bench_filter

Tones above 1 kHz cannot be in sound of 2 kHz; at other rates they are what would fold back.
"""

from models.contract import PIPELINE_FILTER
from tests.benchmarks import report
from tests.tones import gain_db

RATES_HZ = (2000, 4000, 8000)
TONES_HZ = (5, 10, 25, 50, 100, 200, 300, 400, 600, 800, 1200, 1600, 1900, 3000, 3900)


def _gains_db(rate_hz: int) -> dict[int, float]:
    return {tone_hz: gain_db(rate_hz, tone_hz) for tone_hz in TONES_HZ if 2 * tone_hz < rate_hz}


def main() -> None:
    gains_db = {
        rate_hz: {
            tone_hz: gain_db(rate_hz, tone_hz) for tone_hz in TONES_HZ if 2 * tone_hz < rate_hz
        }
        for rate_hz in RATES_HZ
    }
    report.save("filter", {"gain_db": gains_db})
    report.table(
        f"Gain in dB, {PIPELINE_FILTER}",
        ("tone, Hz", *(f"sampled at {rate_hz} Hz" for rate_hz in RATES_HZ)),
        [
            (
                str(tone_hz),
                *(
                    f"{gains_db[rate_hz][tone_hz]:.2f}" if tone_hz in gains_db[rate_hz] else "-"
                    for rate_hz in RATES_HZ
                ),
            )
            for tone_hz in TONES_HZ
        ],
    )


if __name__ == "__main__":
    main()
