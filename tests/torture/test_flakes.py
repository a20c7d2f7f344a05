"""The short form of `python -m tests.torture.flakes`."""

from tests.torture.flakes import main, once


def test_tests_pass_in_any_order():
    passed, failed = once(7, ("tests/core/test_verdicts.py",))

    assert failed == []
    assert passed > 50


def test_a_run_that_cannot_begin_is_a_failure(capsys):
    code = main(["--count", "1", "tests/no_such_folder"])

    assert code == 1
    assert "1 runs, 0 tests passed, 1 failed" in capsys.readouterr().out
