"""An error as a user sees it: exactly one line."""

from support.telemetry import shows_a_secret


def refusal(result, status):
    assert result.status == status, result
    assert result.stdout == "", result
    assert result.stderr.count("\n") == 1 and result.stderr.endswith("\n"), result
    assert not shows_a_secret(result.stderr), result
    return result.stderr
