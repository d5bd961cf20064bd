"""Many open streams: each hears of a change, and one that is refused or goes silent is told."""

import pytest

from benchmarks import streams as module
from benchmarks.load import Wrong, checked
from benchmarks.peers import Missing
from benchmarks.servers import Cores, serving
from benchmarks.streams import CHANGE, allow_files, streams
from tests.benchmarks.test_pipes import Here

COUNT = 12


def test_every_stream_hears_of_every_change() -> None:
    with serving(Here(), {"BENCH_SET": "all"}, Cores().all) as (_, port):
        checked(port, CHANGE)
        with streams(port, COUNT) as opened:
            assert all(0 < opened.change() < module.PATIENCE for _ in range(3))


def test_a_server_without_the_resource_refuses() -> None:
    with serving(Here(), {}, Cores().all) as (_, port), pytest.raises(Wrong), streams(port, 1) as opened:
        opened.change()


def test_more_files_than_the_machine_allows_are_told() -> None:
    with pytest.raises(Missing, match="open files"):
        allow_files(10**9)
