"""From trained runs to an artifact that ships: measured, described and listed."""
