"""The newest Python client, unmodified, against a daemon: arguments are URL, key, prefix, recording,
URL of the same recording."""

import json
import sys
import time

import requests
from requests.exceptions import HTTPError
from rev_ai import apiclient
from rev_ai.models import CaptionType, CustomerUrlData, Job, JobStatus

base, key, prefix, recording, url = sys.argv[1:]


def client(token):
    made = apiclient.RevAiAPIClient(token, url=base)
    made.base_url = f"{base}{prefix}/"
    return made


def refused(status, call):
    """Makes a call that must be refused, and returns the body of the answer."""
    try:
        call()
    except HTTPError as error:
        assert error.response.status_code == status, error
        return json.loads(error.response.content)
    raise AssertionError(f"{status} was expected")


def heard(job):
    """Waits for the call that tells of a job, and returns it with what it says of the job."""
    while True:
        for call in requests.get(url.replace("/02.wav", "/heard"), timeout=60).json():
            said = json.loads(call["body"])["job"]
            if said["id"] == job.id:
                return call, said
        time.sleep(0.1)


rev = client(key)
job = rev.submit_job_local_file(recording, metadata="call 7", language="en", skip_diarization=True)
assert job.status == JobStatus.IN_PROGRESS, job.status
assert job.metadata == "call 7" and job.language == "en", job.__dict__
while (seen := rev.get_job_details(job.id)).status == JobStatus.IN_PROGRESS:
    time.sleep(0.1)
assert seen.status == JobStatus.TRANSCRIBED, seen.failure_detail
assert seen.duration_seconds > 7 and seen.completed_on, seen.__dict__

listed = rev.get_list_of_jobs(limit=1)
assert [one.id for one in listed] == [job.id]
assert rev.get_list_of_jobs(starting_after=job.id) == []

text = rev.get_transcript_text(job.id)
assert text.startswith("Speaker 0    00:0"), text
words = rev.get_transcript_json(job.id)["monologues"][0]["elements"]
assert words[0]["type"] == "text" and words[0]["end_ts"] > words[0]["ts"] >= 0, words[0]
transcript = rev.get_transcript_object(job.id)
monologue = transcript.monologues[0]
assert monologue.speaker == 0
said = "".join(element.value for one in transcript.monologues for element in one.elements)
assert said in text.replace("\n", ""), (said, text)
streamed = json.loads(rev.get_transcript_json_as_stream(job.id).content)
assert streamed["monologues"][0]["elements"] == words

assert rev.get_captions(job.id).startswith("1\n00:00:0")
assert rev.get_captions(job.id, content_type=CaptionType.VTT).startswith("WEBVTT")

account = rev.get_account()
assert "@" in account.email and account.balance_seconds > 0, account.__dict__

title = "Authorization has been denied for this request"
assert refused(401, client("scribed_wrong").get_account)["title"].startswith(title)
missing = refused(404, lambda: rev.get_job_details("7"))
assert missing["title"] == "could not find job", missing
bad = refused(400, lambda: rev.submit_job_local_file(recording, remove_disfluencies=True))
assert "remove_disfluencies" in bad["parameters"], bad
bad = refused(400, lambda: rev.submit_job_url("http://10.0.0.1/a.mp3"))
assert "media_url" in bad["parameters"], bad
bad = refused(400, lambda: rev.get_list_of_jobs(limit=1001))
assert bad["parameters"]["limit"] == ["The max value for limit is 1000"], bad

by_url = rev.submit_job_url(url, metadata="call 8")
assert by_url.status == JobStatus.IN_PROGRESS, by_url.status
while (seen := rev.get_job_details(by_url.id)).status == JobStatus.IN_PROGRESS:
    time.sleep(0.1)
assert seen.status == JobStatus.TRANSCRIBED and seen.metadata == "call 8", seen.__dict__
assert rev.get_transcript_text(by_url.id) == text

# What is to follow the job; its URL is that of a host which the daemon may ask.
done = url.replace("/02.wav", "/done?token=x")
month = 30 * 24 * 60 * 60
followed = rev.submit_job_local_file(
    recording, callback_url=done, delete_after_seconds=month, filter_profanity=True
)
# The client shows the URL as the only one of a tuple.
for seen in (followed, rev.get_job_details(followed.id)):
    assert seen.callback_url == (done,) and seen.delete_after_seconds == month, seen.__dict__
    assert seen.filter_profanity is True, seen.__dict__
desk = CustomerUrlData(done, {"Authorization": "Bearer x"})
told = rev.submit_job_url(source_config=CustomerUrlData(url), notification_config=desk)
for seen in (told, rev.get_job_details(told.id)):
    assert seen.callback_url == (None,) and seen.delete_after_seconds is None, seen.__dict__
for name, options in [
    ("callback_url", {"callback_url": "http://10.0.0.1/done"}),
    ("notification_config.url", {"notification_config": CustomerUrlData("http://10.0.0.1/")}),
    (
        "notification_config.auth_headers",
        {"notification_config": CustomerUrlData(done, {"Host": "10.0.0.1"})},
    ),
    ("notification_config", {"callback_url": done, "notification_config": desk}),
    ("delete_after_seconds", {"delete_after_seconds": month + 1}),
    ("filter_profanity", {"filter_profanity": True, "language": "de"}),
]:
    bad = refused(400, lambda: rev.submit_job_local_file(recording, **options))
    assert list(bad["parameters"]) == [name], bad
for one in (followed, told):
    while rev.get_job_details(one.id).status == JobStatus.IN_PROGRESS:
        time.sleep(0.1)
    assert rev.get_transcript_text(one.id) == text
    call, said = heard(one)
    assert call["method"] == "POST" and call["query"] == "token=x", call
    assert Job.from_json(said).__dict__ == rev.get_job_details(one.id).__dict__, said
    assert said["status"] == "transcribed", said
    assert call["headers"].get("authorization") == ("Bearer x" if one is told else None), call

plain = rev.submit_job_local_file(recording, skip_punctuation=True)
early = refused(409, lambda: rev.get_transcript_text(plain.id))
assert early["current_value"] == "in_progress", early
assert early["allowed_values"] == ["transcribed"], early
assert refused(409, lambda: rev.delete_job(plain.id))["current_value"] == "in_progress"
while rev.get_job_details(plain.id).status == JobStatus.IN_PROGRESS:
    time.sleep(0.1)
elements = rev.get_transcript_object(plain.id).monologues[0].elements
assert {element.type_ for element in elements} == {"text"}

for one in (job, by_url, followed, told, plain):
    rev.delete_job(one.id)
    refused(404, lambda: rev.get_job_details(one.id))
assert rev.get_list_of_jobs() == []
