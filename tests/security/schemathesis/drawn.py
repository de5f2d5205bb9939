"""Requests that get past the first checks, which no schema can say: strong passwords, real recordings and jobs."""

import os
import pathlib

import schemathesis
from hypothesis import strategies

LETTERS = strategies.characters(codec="utf-8")
RECORDING = pathlib.Path(os.environ["FUZZ_RECORDING"]).read_bytes()
CALLER, OTHER = os.environ["FUZZ_CALLER"], os.environ["FUZZ_OTHER"]
# The first ones may be called, but nobody is there; the others may not.
URLS = [
    "https://recordings.invalid/a.wav?sign=x",
    "http://recordings.invalid:80/",
    "http://127.0.0.1/a.wav",
    "https://recordings.invalid:22/",
    "ftp://recordings.invalid/a.wav",
    "https://me:secret@recordings.invalid/",
]
JOBS = [int(job) for job in os.environ["FUZZ_JOBS"].split()]

schemathesis.openapi.format(
    "password", strategies.text(LETTERS, max_size=200).map(lambda rest: "Aa1!Aa1!" + rest)
)


@schemathesis.serializer("video/mp4")
def plain(_context, body):
    """Sends the body of an upload as it is: that of the cielo24 surface is the recording itself."""
    body = getattr(body, "data", body)
    return body if isinstance(body, bytes) else str(body).encode()


def damaged(at):
    """Returns the recording with another byte somewhere."""
    return RECORDING[:at] + bytes([RECORDING[at] ^ 0xFF]) + RECORDING[at + 1 :]


def with_file(name, body):
    """Draws the body of an upload: as it was, or with a recording, a damaged one, or noise."""
    places = strategies.integers(0, len(RECORDING) - 1)
    files = strategies.just(RECORDING) | places.map(damaged) | strategies.binary(max_size=2000)
    return strategies.just(body) | files.map(lambda file: {**body, name: file})


def with_upload(body):
    """Draws an upload of the transcriptions surface."""
    return with_file("audiofile", body)


def with_submission(body):
    """Draws a submission of the Rev.ai surface: a form, or one that names URLs, some of which may be called."""
    # A member of that name may be drawn for JSON as well, which has no room for bytes.
    media = body.get("media")
    if isinstance(media, bytes) or hasattr(media, "data"):
        return with_file("media", body)
    urls = {"media_url": strategies.sampled_from(URLS), "callback_url": strategies.sampled_from(URLS)}
    drawn = strategies.fixed_dictionaries({}, optional=urls)
    return strategies.just(body) | drawn.map(lambda members: {**body, **members})


def with_job(body):
    """Draws the report of a worker: as it was, or of a job that there is."""
    jobs = strategies.sampled_from(JOBS)
    return strategies.just(body) | jobs.map(lambda job: {**body, "transcription_id": job})


DRAWN = {
    "/upload-audiofile": with_upload,
    "/worker/transcription_status": with_job,
    "/revspeech/v1beta/jobs": with_submission,
    "/speechtotext/v1/jobs": with_submission,
}


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
