"""How the score of signal quality is learnt, and how well it does.

    python -m training.quality

learns ``models/artifacts/quality-*.json`` again, byte for byte the same;
``python -m training.quality.report`` prints what it is worth on held-out subjects.
"""
