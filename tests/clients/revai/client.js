// The JavaScript client, unmodified, against a daemon: arguments are URL, key, prefix, recording, URL of
// the same recording.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const { RevAiApiClient, CaptionType } = require("revai-node-sdk");

const [base, key, prefix, recording, recordingUrl] = process.argv.slice(2);

function client(token) {
  const made = new RevAiApiClient({ token, deploymentConfig: { baseUrl: base } });
  made.apiHandler.instance.defaults.baseURL = base + prefix;
  return made;
}

async function read(stream) {
  let text = "";
  for await (const piece of stream) text += piece;
  return text;
}

async function refused(status, call) {
  const error = await call().then(() => assert.fail(`${status} was expected`), (error) => error);
  assert.strictEqual(error.statusCode, status, error);
  return error;
}

async function ended(rev, id) {
  for (;;) {
    const job = await rev.getJobDetails(id);
    if (job.status !== "in_progress") return job;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function main() {
  const rev = client(key);
  // Sent in pieces, without a length.
  const options = { metadata: "call 7", language: "en", skip_diarization: true, callback_url: null };
  const job = await rev.submitJobLocalFile(recording, options);
  assert.deepStrictEqual([job.status, job.metadata], ["in_progress", "call 7"]);
  assert.strictEqual((await ended(rev, job.id)).status, "transcribed");

  const listed = await rev.getListOfJobs(1);
  assert.deepStrictEqual(listed.map((one) => one.id), [job.id]);
  assert.deepStrictEqual(await rev.getListOfJobs(10, job.id), []);

  const transcript = await rev.getTranscriptObject(job.id);
  const [first] = transcript.monologues[0].elements;
  assert.ok(first.type === "text" && first.end_ts > first.ts && first.confidence > 0, first);
  const text = await rev.getTranscriptText(job.id);
  assert.match(text, /^Speaker 0 {4}00:0\d {5}\w/);
  assert.strictEqual(await read(await rev.getTranscriptTextStream(job.id)), text);
  assert.match(await read(await rev.getCaptions(job.id)), /^1\n00:00:0/);
  assert.match(await read(await rev.getCaptions(job.id, CaptionType.VTT)), /^WEBVTT/);

  const account = await rev.getAccount();
  assert.ok(account.email.includes("@") && account.balance_seconds > 0, account);

  const denied = await refused(401, () => client("scribed_wrong").getAccount());
  assert.match(denied.details.title, /^Authorization has been denied for this request\.?$/);
  assert.strictEqual((await refused(404, () => rev.getJobDetails("7"))).details.title, "could not find job");
  const data = fs.readFileSync(recording);
  const bad = await refused(400, () => rev.submitJobAudioData(data, "a.wav", { filter_profanity: true }));
  assert.ok(bad.parameters.filter_profanity, bad);
  const url = await refused(400, () => rev.submitJob({ source_config: { url: "http://10.0.0.1/a" } }));
  assert.ok(url.parameters.source_config, url);

  const byUrl = await rev.submitJob({ source_config: { url: recordingUrl } });
  assert.strictEqual((await ended(rev, byUrl.id)).status, "transcribed");
  assert.strictEqual(await rev.getTranscriptText(byUrl.id), text);

  const second = await rev.submitJobAudioData(data, "b.wav");
  const early = await refused(409, () => rev.getTranscriptText(second.id));
  assert.deepStrictEqual([early.currentValue, early.allowedValues], ["in_progress", ["transcribed"]]);
  await ended(rev, second.id);
  for (const one of [job, byUrl, second]) {
    await rev.deleteJob(one.id);
    await refused(404, () => rev.getJobDetails(one.id));
  }
  assert.deepStrictEqual(await rev.getListOfJobs(), []);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
