#!/usr/bin/env python3
"""Sends recordings to scribed through Kafka and prints their text as it appears.

    pip install confluent-kafka
    ./send.py --brokers kafka-1:9092 --owner newsroom file:///srv/inbox/interview.flac …

A recording is named by a file:// URL that the daemons can read (see `media.inbox`), or is a local
file of at most 512 KiB, which then travels inside the event.
"""

import argparse
import base64
import json
import sys
import uuid
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

DONE = {"completed", "completed_partially", "processing_fail", "cancelled"}


def media(recording):
    if recording.startswith("file://"):
        return {"file": recording}
    return {"data": base64.b64encode(Path(recording).read_bytes()).decode()}


def event(recording, owner):
    # The id is yours: sending it again, for whatever reason, is the same job. Take one that your own
    # records know, and one that stays the same when you try again.
    return {
        "schema": "scribed.upload/1",
        "id": str(uuid.uuid4()),
        "owner": owner,
        "media": media(recording),
        "name": Path(recording).name,
        "reference": recording,
    }


def news(options):
    """A consumer of what the daemons tell, from now on. It belongs to no group and commits nothing."""
    consumer = Consumer({
        "bootstrap.servers": options.brokers,
        "group.id": "send.py",
        "enable.auto.commit": False,
        "allow.auto.create.topics": False,
    })
    partitions = []
    for topic in (options.states, options.transcripts):
        for number in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
            partitions.append(TopicPartition(topic, number, end))
    consumer.assign(partitions)
    return consumer


def follow(consumer, uploads):
    """Prints the text of our uploads until each is done; returns how many did not complete."""
    seen, failed = set(), 0
    while uploads:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        told = json.loads(message.value())
        # Events come at least once; the same id is the same event.
        if told.get("upload") not in uploads or told["id"] in seen:
            continue
        seen.add(told["id"])
        if told["schema"] == "scribed.chunk/1" and told["text"]:
            print(f"{uploads[told['upload']]} {told['start']:.1f} s: {told['text']}", flush=True)
        if told["schema"] == "scribed.state/1" and told["state"] in DONE:
            print(f"{told['reference']}: {told['state']} {told.get('error', '')}".rstrip(), flush=True)
            failed += told["state"] != "completed"
            del uploads[told["upload"]]
    return failed


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("recordings", nargs="+", metavar="RECORDING")
    options.add_argument("--brokers", required=True)
    options.add_argument("--owner", required=True)
    for topic in ("uploads", "states", "transcripts"):
        options.add_argument(f"--{topic}", default=f"scribed.{topic}", metavar="TOPIC")
    options = options.parse_args()

    consumer = news(options)
    producer = Producer({"bootstrap.servers": options.brokers, "enable.idempotence": True})
    uploads, lost = {}, []
    for recording in options.recordings:
        upload = event(recording, options.owner)
        uploads[upload["id"]] = upload["name"]
        producer.produce(
            options.uploads,
            key=options.owner,
            value=json.dumps(upload),
            headers={"content-type": "application/json"},
            on_delivery=lambda error, _: error and lost.append(error),
        )
    # Only what the brokers have acknowledged is sent.
    if producer.flush(60) or lost:
        sys.exit(f"not sent: {lost or 'the brokers do not answer'}")
    sys.exit(1 if follow(consumer, uploads) else 0)


if __name__ == "__main__":
    main()
