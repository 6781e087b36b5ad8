"""From a recipe to a trained net: what `heartward train` runs."""
