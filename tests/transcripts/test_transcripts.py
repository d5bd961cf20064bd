"""Every transcript of this folder, on each wire and in each revision that it names."""

from pathlib import Path

import pytest

from dragoman.testing import Play, transcript_plays
from tests.transcripts.features import server_with


@pytest.mark.parametrize("play", transcript_plays(Path(__file__).parent), ids=str)
async def test_transcript(play: Play, request: pytest.FixtureRequest) -> None:
    update = request.config.getoption("--update", default=False)
    await play.run(server_with(play.transcript.features), update=bool(update))
