//! Records that no well-behaved client writes, by the protocol itself.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use scribed_bus::{Bus, KafkaBus};

use super::cluster;
use scribed_bus::kafka::Config;

/// A record: key, payload and header values may be null, names may be any bytes.
struct Record<'a> {
    key: Option<&'a [u8]>,
    payload: Option<&'a [u8]>,
    headers: &'a [(&'a [u8], Option<&'a [u8]>)],
}

/// Appends a number as Kafka's records have it: zigzag, seven bits a byte.
fn varint(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).expect("it is short")
}

fn bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint(out, bytes.map_or(-1, length));
    out.extend(bytes.unwrap_or_default());
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend(i16::try_from(text.len()).expect("it is short").to_be_bytes());
    out.extend(text.as_bytes());
}

fn sized(out: &mut Vec<u8>, content: &[u8]) {
    out.extend(i32::try_from(content.len()).expect("it is short").to_be_bytes());
    out.extend(content);
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 & 0_u32.wrapping_sub(crc & 1));
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// Returns a batch of version 2 with one record.
fn batch(record: &Record<'_>) -> Vec<u8> {
    // Attributes, time and offset within the batch, then the content.
    let mut body = vec![0];
    varint(&mut body, 0);
    varint(&mut body, 0);
    bytes(&mut body, record.key);
    bytes(&mut body, record.payload);
    varint(&mut body, i64::try_from(record.headers.len()).expect("they are few"));
    for (name, value) in record.headers {
        bytes(&mut body, Some(name));
        bytes(&mut body, *value);
    }
    let mut checked = Vec::new();
    checked.extend(0_i16.to_be_bytes()); // attributes
    checked.extend(0_i32.to_be_bytes()); // last offset within the batch
    checked.extend([1_800_000_000_000_i64.to_be_bytes(); 2].concat()); // first and last time
    checked.extend((-1_i64).to_be_bytes()); // producer
    checked.extend((-1_i16).to_be_bytes()); // its epoch
    checked.extend((-1_i32).to_be_bytes()); // its sequence
    checked.extend(1_i32.to_be_bytes()); // records
    bytes(&mut checked, Some(&body));
    let mut rest = Vec::new();
    rest.extend((-1_i32).to_be_bytes()); // epoch of the leader
    rest.push(2); // version
    rest.extend(crc32c(&checked).to_be_bytes());
    rest.extend(checked);
    let mut batch = 0_i64.to_be_bytes().to_vec();
    sized(&mut batch, &rest);
    batch
}

/// Produces a record to partition 0 of a topic, and checks that the broker took it.
fn produce(broker: &str, topic: &str, record: &Record<'_>) {
    let mut request = Vec::new();
    request.extend(0_i16.to_be_bytes()); // Produce
    request.extend(3_i16.to_be_bytes()); // its version
    request.extend(7_i32.to_be_bytes()); // our number of the request
    string(&mut request, "raw");
    request.extend((-1_i16).to_be_bytes()); // no transaction
    request.extend((-1_i16).to_be_bytes()); // all replicas
    request.extend(30_000_i32.to_be_bytes()); // milliseconds
    request.extend(1_i32.to_be_bytes()); // topics
    string(&mut request, topic);
    request.extend(1_i32.to_be_bytes()); // partitions
    request.extend(0_i32.to_be_bytes()); // the partition
    sized(&mut request, &batch(record));
    let mut framed = Vec::new();
    sized(&mut framed, &request);
    let mut stream = TcpStream::connect(broker).expect("the broker listens");
    stream.write_all(&framed).expect("the broker reads");
    let mut size = [0; 4];
    stream.read_exact(&mut size).expect("the broker answers");
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(size)).expect("it fits")];
    stream.read_exact(&mut answer).expect("the broker answers");
    // Our number, one topic with its name, one partition with its number; then the error.
    let error = 4 + 4 + 2 + topic.len() + 4 + 4;
    assert_eq!(answer[error..error + 2], [0, 0], "{answer:?}");
}

#[tokio::test]
async fn no_record_of_a_strange_producer_stops_the_consumer() {
    let brokers = cluster::with_topics("raw", &[("topic", 1)]);
    let plain = Record { key: Some(b"k"), payload: Some(b"p"), headers: &[(b"h", Some(b"v"))] };
    let nothing = Record { key: None, payload: None, headers: &[(b"null", None)] };
    let names: &[(&[u8], Option<&[u8]>)] =
        &[(b"\xff\xfe", Some(b"lost")), (b"kept", Some(b"\xff")), (b"", Some(b"nameless"))];
    let strange = Record { key: Some(b"\xff"), payload: Some(b"\xff\x00"), headers: names };
    for record in [&plain, &nothing, &strange, &plain] {
        produce(&brokers, "raw.topic", record);
    }
    let bus = KafkaBus::new(Config { brokers: vec![brokers], ..Config::default() });
    let bus = bus.expect("the settings are right");
    let mut consumer = bus.subscribe("raw.topic", "group").await.expect("the topic is there");
    let mut arrived = Vec::new();
    for _ in 0..4 {
        arrived.push(consumer.next().await.expect("it delivers").message);
    }
    let header = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    assert_eq!(arrived[0].headers, [header("h", b"v")]);
    assert_eq!((&arrived[1].key[..], &arrived[1].payload[..]), (&b""[..], &b""[..]));
    assert_eq!(arrived[1].headers, [header("null", b"")]);
    assert_eq!((&arrived[2].key[..], &arrived[2].payload[..]), (&b"\xff"[..], &b"\xff\x00"[..]));
    assert_eq!(arrived[2].headers, [header("kept", b"\xff"), header("", b"nameless")]);
    assert_eq!(arrived[3], arrived[0]);
}
