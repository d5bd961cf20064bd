from dragoman.cli import exits


def test_statuses_are_told_apart_and_explained() -> None:
    statuses = [exits.OK, exits.FAILED, exits.USAGE, exits.CONNECTION, exits.INTERRUPTED]
    assert len(set(statuses)) == len(statuses)
    assert all(f"{status} " in exits.EXPLAINED for status in statuses)
