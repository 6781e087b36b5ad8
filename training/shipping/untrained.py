"""What nets cost that nobody need train for it: neither size nor time depends on the weights.

    python -m training.shipping.untrained a-squeezenet d-resnet18 --to training/results/literature

measures each recipe's net as `heartward evaluate` measures an artifact, in one run on one machine,
so that ``heartward report`` shows ours beside the literature's. Nothing else should run meanwhile.
"""

import tempfile
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from training.engine import promised, recipe_files
from training.engine.recipe import Recipe
from training.evaluation import collected
from training.evaluation.cost import Cost, measure
from training.export import export
from training.progress import tracked

_SHAKEN = 1e-3  # as biases all begin at 0, of which the exporter would keep one


def cost_of(told: Recipe, *, seconds: float = 1.0) -> Cost:
    """Of a recipe's net in floating point; `seconds` are spent on each size of batch."""
    torch.manual_seed(told.training.seed)
    net = told.build().eval()
    with torch.no_grad():
        for weights in net.parameters():
            if weights.requires_grad:
                weights.add_(_SHAKEN * torch.randn_like(weights))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.onnx"
        file.write_bytes(export(net, promised.of_recipe(told)))
        return measure(file, seconds=seconds)


def main(
    recipes: Annotated[list[str], typer.Argument(help="Recipes that ship, or TOML files.")],
    to: Annotated[Path, typer.Option(help="Folder for a .cost.json of each.")] = Path(),
) -> None:
    """Measure what the nets of recipes cost, untrained; nothing else should run meanwhile."""
    every = [recipe_files.load(recipe_files.find(name)) for name in recipes]
    torch.set_num_threads(1)
    to.mkdir(parents=True, exist_ok=True)
    for told in tracked(every, "measuring"):
        written = collected.write_cost(cost_of(told), to)
        Console().print(f"wrote {written}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
