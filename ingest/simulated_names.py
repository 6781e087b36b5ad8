"""What simulated wearables are called; without the sound that they make, which is heavy to load."""

PREFIX = "wearable-"


def device_id(prefix: str, index: int, number: int) -> str:
    """Name one of so many devices: ``wearable-01`` is the first of up to 99."""
    return f"{prefix}{index + 1:0{max(2, len(str(number)))}}"
