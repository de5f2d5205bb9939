"""The first Python client, unmodified, against a daemon: arguments are URL, key, prefix,
recording, URL of the same recording."""

import sys
import time

from rev_ai.speechrec import RevSpeechAPI

base, key, prefix, recording, url = sys.argv[1:]
RevSpeechAPI.BASE_URL = f"{base}{prefix}/"

rev = RevSpeechAPI(key)
# Its content type is one that does not exist: `audio/.wav`.
job = rev.submit_job_local_file(recording)
assert job["status"] == "in_progress", job
while (seen := rev.view_job(job["id"]))["status"] == "in_progress":
    time.sleep(0.1)
assert seen["status"] == "transcribed" and None not in seen.values(), seen

elements = rev.get_transcript(job["id"])["monologues"][0]["elements"]
assert elements[0]["type"] == "text", elements[0]
text = rev.get_transcript(job["id"], use_json=False)
assert text.startswith("Speaker 0    00:0"), text

account = rev.get_account()
assert "@" in account["email"] and account["balance_seconds"] > 0, account

title = "Authorization has been denied for this request"
assert RevSpeechAPI("scribed_wrong").get_account()["title"].startswith(title)
assert rev.view_job("7")["title"] == "could not find job"
bad = rev.submit_job_url("http://10.0.0.1/a.mp3")
assert "media_url" in bad["parameter"], bad

by_url = rev.submit_job_url(url)
assert by_url["media_url"] == url, by_url
while (seen := rev.view_job(by_url["id"]))["status"] == "in_progress":
    time.sleep(0.1)
assert seen["status"] == "transcribed", seen
assert rev.get_transcript(by_url["id"], use_json=False) == text
