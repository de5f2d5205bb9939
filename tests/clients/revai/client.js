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

// Waits for the call that tells of a job, and returns it with what it says of the job.
async function heard(id) {
  for (;;) {
    const calls = await (await fetch(recordingUrl.replace("/02.wav", "/heard"))).json();
    for (const call of calls) {
      const said = JSON.parse(call.body).job;
      if (said.id === id) return [call, said];
    }
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
  const bad = await refused(400, () => rev.submitJobAudioData(data, "a.wav", { remove_disfluencies: true }));
  assert.ok(bad.parameters.remove_disfluencies, bad);
  const url = await refused(400, () => rev.submitJob({ source_config: { url: "http://10.0.0.1/a" } }));
  assert.ok(url.parameters.source_config, url);

  const byUrl = await rev.submitJob({ source_config: { url: recordingUrl } });
  assert.strictEqual((await ended(rev, byUrl.id)).status, "transcribed");
  assert.strictEqual(await rev.getTranscriptText(byUrl.id), text);

  // What is to follow the job; its URL is that of a host which the daemon may ask.
  const done = recordingUrl.replace("/02.wav", "/done?token=x");
  const month = 30 * 24 * 60 * 60;
  const following = { callback_url: done, delete_after_seconds: month, filter_profanity: true };
  const followed = await rev.submitJobLocalFile(recording, following);
  for (const seen of [followed, await rev.getJobDetails(followed.id)]) {
    for (const [name, value] of Object.entries(following)) assert.strictEqual(seen[name], value, name);
  }
  const desk = { url: done, auth_headers: { Authorization: "Bearer x" } };
  const told = await rev.submitJob({ source_config: { url: recordingUrl }, notification_config: desk });
  for (const seen of [told, await rev.getJobDetails(told.id)]) {
    assert.ok(!JSON.stringify(seen).includes("done") && !("callback_url" in seen), seen);
  }
  for (const [name, options] of [
    ["callback_url", { callback_url: "http://10.0.0.1/done" }],
    ["notification_config.url", { notification_config: { url: "http://10.0.0.1/done" } }],
    ["notification_config.auth_headers", { notification_config: { url: done, auth_headers: { Host: "a" } } }],
    ["notification_config", { callback_url: done, notification_config: desk }],
    ["delete_after_seconds", { delete_after_seconds: month + 1 }],
  ]) {
    const why = await refused(400, () => rev.submitJobAudioData(data, "a.wav", options));
    assert.deepStrictEqual(Object.keys(why.parameters), [name]);
  }
  for (const one of [followed, told]) {
    const job = await ended(rev, one.id);
    assert.strictEqual(await rev.getTranscriptText(one.id), text);
    const [call, said] = await heard(one.id);
    assert.deepStrictEqual(said, job);
    assert.deepStrictEqual([call.method, call.query], ["POST", "token=x"]);
    assert.strictEqual(call.headers.authorization, one === told ? "Bearer x" : undefined);
  }

  const second = await rev.submitJobAudioData(data, "b.wav");
  const early = await refused(409, () => rev.getTranscriptText(second.id));
  assert.deepStrictEqual([early.currentValue, early.allowedValues], ["in_progress", ["transcribed"]]);
  await ended(rev, second.id);
  for (const one of [job, byUrl, followed, told, second]) {
    await rev.deleteJob(one.id);
    await refused(404, () => rev.getJobDetails(one.id));
  }
  assert.deepStrictEqual(await rev.getListOfJobs(), []);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
