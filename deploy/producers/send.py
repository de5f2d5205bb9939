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
    """A consumer of what the daemons tell, from now on, and its partitions. It belongs to no group and
    commits nothing."""
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
    return consumer, partitions


def follow(consumer, uploads, texts):
    """Prints the text of our uploads until each is done; returns how many did not complete. `texts` are
    the partitions of the transcripts, with the offsets where reading began."""
    running, seen, failed = set(uploads), set(), 0
    while running:
        failed += read(consumer, uploads, running, seen)
    # The end of a job is told after its text, but on another topic, and may be read before: what was
    # told by now is read as well.
    ends = [consumer.get_watermark_offsets(text)[1] for text in texts]
    while any(at < end for at, end in zip(places(consumer, texts), ends)):
        read(consumer, uploads, running, seen)
    return failed


def places(consumer, partitions):
    """The offsets that are read next; a partition of which nothing was read has none but its first."""
    found = consumer.position(partitions)
    return [max(at.offset, began.offset) for at, began in zip(found, partitions)]


def read(consumer, uploads, running, seen):
    """Prints what is new of our uploads; returns how many of those that ended did not complete."""
    message = consumer.poll(1.0)
    if message is None or message.error():
        return 0
    told = json.loads(message.value())
    upload = told.get("upload")
    # Events come at least once; the same id is the same event.
    if upload not in uploads or told["id"] in seen:
        return 0
    seen.add(told["id"])
    if told["schema"] == "scribed.chunk/1" and told["text"]:
        print(f"{uploads[upload]} {told['start']:.1f} s: {told['text']}", flush=True)
    if told["schema"] == "scribed.state/1" and told["state"] in DONE:
        print(f"{told['reference']}: {told['state']} {told.get('error', '')}".rstrip(), flush=True)
        running.discard(upload)
        return int(told["state"] != "completed")
    return 0


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("recordings", nargs="+", metavar="RECORDING")
    options.add_argument("--brokers", required=True)
    options.add_argument("--owner", required=True)
    for topic in ("uploads", "states", "transcripts"):
        options.add_argument(f"--{topic}", default=f"scribed.{topic}", metavar="TOPIC")
    options = options.parse_args()

    consumer, partitions = news(options)
    texts = [partition for partition in partitions if partition.topic == options.transcripts]
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
    sys.exit(1 if follow(consumer, uploads, texts) else 0)


if __name__ == "__main__":
    main()
