"""What can be known to be wrong before anything is started, and without loading what is slow."""

from deploy.local_stack import Plan
from ingest.connections import load
from ingest.faults import profile
from models.registry import Registry
from stream_processors.settings import WorkerSettings


def check(plan: Plan) -> None:
    """Check the models' files and the name of the faults.

    Raises
    ------
    UserError
        When a process would refuse to run with them.
    """
    if plan.simulation is not None:
        profile(plan.simulation.faults, {})
    Registry(load(WorkerSettings).models_dir).check()
