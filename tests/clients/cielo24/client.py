"""The client of the package index, unmodified, against a daemon: arguments are URL, user name, password,
API key, recording, URL of the same recording."""

import json
import sys
import time
from urllib.parse import quote
from urllib.request import urlopen

from cielo24.actions import Actions
from cielo24.enums import CaptionFormat, Fidelity, JobStatus, Language, Priority
from cielo24.options import (
    CaptionOptions,
    JobListOptions,
    PerformTranscriptionOptions,
    TranscriptOptions,
)
from cielo24.web_utils import WebError

base, username, password, key, recording, url = sys.argv[1:]
actions = Actions(base)


def refused(kind, call):
    """Makes a call that must be refused, and returns what is said."""
    try:
        call()
    except WebError as error:
        assert error.error_type == kind, error
        return error.message
    raise AssertionError(f"{kind} was expected")


def ended(token, job):
    while (seen := actions.get_job_info(token, job))["JobStatus"] == str(JobStatus.IN_PROCESS):
        time.sleep(0.1)
    return seen


def heard(job):
    """Waits for the call that tells of a job."""
    while True:
        with urlopen(url.replace("/02.wav", "/heard"), timeout=60) as answer:
            for call in json.load(answer):
                if f"job={job}&" in call["query"]:
                    return call
        time.sleep(0.1)


# Every way to log in.
token = actions.login(username, password)
assert len(token) == 32, token
assert len(actions.login(username, password, use_headers=True)) == 32
assert len(actions.login(username, api_securekey=key)) == 32
other = actions.login(username, api_securekey=key, use_headers=True)
actions.logout(other)
refused("BAD_API_TOKEN", lambda: actions.get_job_list(other))
refused("LOGIN_INVALID", lambda: actions.login(username, "Wrong_987"))

# From a file, with every parameter and option that can be honoured.
made = actions.create_job(token, "clip", Language.ENGLISH, external_id="desk-4", sub_account=username)
job = made["JobId"]
assert len(job) == 32 and len(made["TaskId"]) == 32, made
said = refused("INVALID_QUERY", lambda: actions.create_job(token, external_id="desk-4"))
assert "is_duplicate" in said, said
assert actions.get_job_info(token, job)["JobStatus"] == str(JobStatus.PENDING)
refused("INVALID_QUERY", lambda: actions.perform_transcription(token, job, Fidelity.MECHANICAL))
with open(recording, "rb") as file:
    assert len(actions.add_media_to_job_file(token, job, file)) == 32
with open(recording, "rb") as file:
    refused("INVALID_QUERY", lambda: actions.add_media_to_job_file(token, job, file))
actions.authorize_job(token, job)
options = PerformTranscriptionOptions(custom_metadata={"desk": "4"}, notes="names: Anna", return_iwp=["FINAL"])
speakers = PerformTranscriptionOptions(speaker_id=True)
refused(
    "INVALID_OPTION",
    lambda: actions.perform_transcription(token, job, Fidelity.PREMIUM, Priority.STANDARD, options=speakers),
)
refused(
    "INVALID_URL",
    lambda: actions.perform_transcription(token, job, Fidelity.PREMIUM, callback_url="http://10.0.0.1/"),
)
task = actions.perform_transcription(
    token,
    job,
    Fidelity.PREMIUM,
    Priority.PRIORITY,
    callback_url=url.replace("/02.wav", "/done?job={job_id}&desk={desk}&version={elementlist_version}"),
    turnaround_hours=36,
    target_language=Language.ENGLISH,
    options=options,
)
assert len(task) == 32, task
done = ended(token, job)
assert done["JobStatus"] == str(JobStatus.COMPLETE), done
assert (done["JobName"], done["ExternalID"], done["Priority"]) == ("clip", "desk-4", "PRIORITY"), done
assert done["Options"]["custom_metadata"] == {"desk": "4"} and done["MediaLengthSeconds"] > 7, done

transcript = actions.get_transcript(token, job).decode()
assert transcript.startswith("[00:00:0"), transcript
plain = TranscriptOptions(create_paragraphs=False, remove_disfluencies=True)
text = actions.get_transcript(token, job, plain).decode()
assert text.strip() in transcript.replace("\n\n", " "), (text, transcript)
for form, begin in ((CaptionFormat.SRT, "1\n00:00:0"), (CaptionFormat.WEB_VTT, "WEBVTT"), (CaptionFormat.DFXP, "<?xml")):
    captions = actions.get_caption(token, job, form, CaptionOptions(caption_by_sentence=True)).decode()
    assert captions.startswith(begin), captions
said = refused("INVALID_OPTION", lambda: actions.get_caption(token, job, CaptionFormat.TWX))
assert "SRT, WEB_VTT, DFXP" in said, said
refused("INVALID_OPTION", lambda: actions.get_caption(token, job, "SRT", CaptionOptions(build_url=True)))

(version,) = actions.get_list_of_element_lists(token, job)
elements = actions.get_element_list(token, job, version["version"])
call = heard(job)
assert call["method"] == "GET" and call["body"] == "", call
assert call["query"] == f"job={job}&desk=4&version={quote(version['version'])}", call
first = elements["segments"][0]["sequences"][0]["tokens"][0]
assert first["type"] == "word" and first["end_time"] > first["start_time"], first

# From a URL.
second = actions.create_job(token)["JobId"]
assert len(actions.add_media_to_job_url(token, second, url)) == 32
assert actions.get_media(token, second) == url
third = actions.create_job(token)["JobId"]
refused("INVALID_QUERY", lambda: actions.add_media_to_job_url(token, third, url))
refused("INVALID_URL", lambda: actions.add_media_to_job_url(token, third, "http://10.0.0.1/a.wav"))
actions.perform_transcription(token, second, Fidelity.MECHANICAL)
refused("INVALID_QUERY", lambda: actions.get_transcript(token, third))
assert ended(token, second)["Fidelity"] == "MECHANICAL"
assert actions.get_transcript(token, second, plain).decode() == text

# An API key is as good as a token.
listed = actions.get_job_list(key)
assert listed["Username"] == username, listed
assert [one["JobId"] for one in listed["ActiveJobs"]] == [third, second, job]
complete = JobListOptions(job_status=JobStatus.COMPLETE, external_id="desk-4")
assert [one["JobId"] for one in actions.get_job_list(token, complete)["ActiveJobs"]] == [job]

for one in (job, second, third):
    assert len(actions.delete_job(token, one)) == 32
    refused("ITEM_NOT_FOUND", lambda: actions.get_job_info(token, one))
refused("ITEM_NOT_FOUND", lambda: actions.get_job_info(token, "0fbd6015910e42dca25a863c4925d77c"))
assert actions.get_job_list(token)["ActiveJobs"] == []
# What the vendor has and this server has not.
refused("NOT_IMPLEMENTED", lambda: actions.aggregate_statistics(token))
actions.logout(token)
refused("BAD_API_TOKEN", lambda: actions.get_job_list(token))
