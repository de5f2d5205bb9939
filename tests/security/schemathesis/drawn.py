"""Requests that get past the first checks, which no schema can say: strong passwords, real recordings and jobs."""

import os
import pathlib

import schemathesis
from hypothesis import strategies

LETTERS = strategies.characters(codec="utf-8")
RECORDING = pathlib.Path(os.environ["FUZZ_RECORDING"]).read_bytes()
CALLER, OTHER = os.environ["FUZZ_CALLER"], os.environ["FUZZ_OTHER"]
JOBS = [int(job) for job in os.environ["FUZZ_JOBS"].split()]

schemathesis.openapi.format(
    "password", strategies.text(LETTERS, max_size=200).map(lambda rest: "Aa1!Aa1!" + rest)
)


def damaged(at):
    """Returns the recording with another byte somewhere."""
    return RECORDING[:at] + bytes([RECORDING[at] ^ 0xFF]) + RECORDING[at + 1 :]


def with_file(body):
    """Draws the body of an upload: as it was, or with a recording, a damaged one, or noise."""
    places = strategies.integers(0, len(RECORDING) - 1)
    files = strategies.just(RECORDING) | places.map(damaged) | strategies.binary(max_size=2000)
    return strategies.just(body) | files.map(lambda file: {**body, "audiofile": file})


def with_job(body):
    """Draws the report of a worker: as it was, or of a job that there is."""
    jobs = strategies.sampled_from(JOBS)
    return strategies.just(body) | jobs.map(lambda job: {**body, "transcription_id": job})


DRAWN = {"/upload-audiofile": with_file, "/worker/transcription_status": with_job}


@schemathesis.hook
def flatmap_body(context, body):
    """Draws the rest of a body that the schema began."""
    draw = DRAWN.get(context.operation.path) if isinstance(body, dict) else None
    return draw(body) if draw else strategies.just(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Spares the account that calls: with a new password its token would be good for nothing more."""
    query = case.query or {}
    if case.operation.path == "/auth/patch" and str(query.get("user_id")) == CALLER:
        query["user_id"] = int(OTHER)
