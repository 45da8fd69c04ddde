"""Names in messages."""

from orbweaver.core.names import LISTED, did_you_mean


def test_the_nearest_name_is_told_else_those_that_there_are_but_never_a_thousand() -> None:
    assert did_you_mean("logmee", ["probe", "logme"]) == "did you mean 'logme'?"
    assert did_you_mean("zzz", ["probe", "logme"]) == "known: logme, probe"
    said = did_you_mean("zzz", [f"model_{i:04d}" for i in range(1500)])
    assert said.startswith("known: model_0000, model_0001, ") and said.endswith(f" and {1500 - LISTED} more")
