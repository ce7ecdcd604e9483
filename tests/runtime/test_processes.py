"""How processes are told of each other."""

import pytest

from jaxletters.core.errors import UserError
from jaxletters.runtime import processes


def test_the_number_of_a_process_counts_from_one():
    found = processes.parse("2/4@10.0.0.1:1234")
    assert (found["process_id"], found["num_processes"]) == (1, 4)
    assert found["coordinator_address"] == "10.0.0.1:1234"
    assert processes.parse("auto") == {}


@pytest.mark.parametrize(
    "spec", ["", "0/2@host:1", "3/2@host:1", "1/2", "1/2@host", "one/two@host:1", "1/2@:"]
)
def test_another_form_is_an_error(spec):
    with pytest.raises(UserError, match="--processes"):
        processes.parse(spec)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"SLURM_STEP_TASKS_PER_NODE": "1(x2)"}, True),
        ({"SLURM_STEP_TASKS_PER_NODE": "1"}, True),
        ({"SLURM_STEP_TASKS_PER_NODE": "8(x2)"}, False),
        ({"SLURM_STEP_TASKS_PER_NODE": "2,1"}, False),
        ({"SLURM_STEP_TASKS_PER_NODE": "11(x2)"}, False),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, True),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, False),
    ],
)
def test_a_process_alone_on_its_node_has_all_its_devices(environment, expected):
    assert processes._is_alone_on_node(environment) is expected


def test_a_process_alone_runs_everything():
    assert processes.team() is None
    assert processes.is_first()
    processes.part()
