"""The exit codes: one table, complete, and the numbers do not change."""

import pytest

from gesso import errors
from gesso.cli.exits import TABLE, Exit, exit_for
from gesso.client.answers import by_code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.GessoError, 70),
        (errors.ConfigError, 5),
        (errors.RequestError, 5),
        (errors.InvalidWorkflow, 5),
        (errors.Unauthorized, 4),
        (errors.Forbidden, 4),
        (errors.NotFound, 6),
        (errors.Conflict, 6),
        (errors.TooLarge, 5),
        (errors.OverLimit, 7),
        (errors.EngineUnreachable, 3),
        (errors.NoEngine, 3),
        (errors.GatewayError, 3),
        (errors.ExecutionFailed, 1),
        (errors.JobCancelled, 1),
        (errors.JobLost, 1),
        (errors.NotFinished, 8),
        (errors.DiskFull, 9),
        (errors.ProcessError, 9),
    ],
)
def test_an_error_leads_to_its_code(kind, code):
    assert exit_for(kind()) == code


@pytest.mark.parametrize("kind", by_code().values(), ids=lambda kind: kind.__name__)
def test_no_error_but_the_root_is_taken_for_a_defect(kind):
    assert (exit_for(kind()) is Exit.INTERNAL) == (kind is errors.GessoError)


def test_every_code_has_one_row():
    assert [row.exit for row in TABLE] == list(Exit)


def test_no_error_stands_in_two_rows():
    named = [error for row in TABLE for error in row.errors]
    assert len(named) == len(set(named))
