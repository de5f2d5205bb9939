//! The mutations: what networks, faulty producers and people with bad intent make of an event.

use serde_json::{Value, json};

/// Numbers that look like chance and are the same for one seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number (`SplitMix64`).
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below a limit.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    /// Returns so many bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// Makes a damaged payload of an event; the number counts the uses of the mutation.
type Mutation = fn(&mut Dice, &Value, usize) -> Vec<u8>;

/// Every mutation.
pub(super) const MUTATIONS: [Mutation; 20] = [
    flipped_bits,
    one_flipped_bit_outside_the_recording,
    cut_short,
    nothing,
    junk,
    no_utf8,
    too_deep,
    too_deep_in_a_corner,
    endless_number,
    a_member_twice,
    wrong_type,
    unknown_major_version,
    wrong_media,
    no_owner,
    impossible_id,
    no_base64,
    callback,
    a_member_missing,
    bytes_put_in,
    another_document,
];

/// Junk of this size nearly fills what brokers take by default, 1 MiB.
const LARGE_JUNK: usize = 1_000_000;

fn bytes(event: &Value) -> Vec<u8> {
    event.to_string().into_bytes()
}

fn flipped_bits(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut bytes = bytes(event);
    for _ in 0..=dice.below(8) {
        let index = dice.below(bytes.len());
        bytes[index] ^= 1 << dice.below(8);
    }
    bytes
}

/// Most of an event is its recording, in which a flip leaves the event whole.
fn one_flipped_bit_outside_the_recording(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut bytes = bytes(event);
    let data = event["media"]["data"].as_str().unwrap().as_bytes();
    let begin = bytes.windows(data.len()).position(|window| window == data).unwrap();
    let index = dice.below(bytes.len() - data.len());
    let index = if index < begin { index } else { index + data.len() };
    bytes[index] ^= 1 << dice.below(8);
    bytes
}

fn cut_short(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut bytes = bytes(event);
    bytes.truncate(dice.below(bytes.len()));
    bytes
}

fn nothing(dice: &mut Dice, _: &Value, _: usize) -> Vec<u8> {
    dice.of(&[&b""[..], b"null", b" ", b"{}", b"\0", b"\"\""]).to_vec()
}

fn junk(dice: &mut Dice, _: &Value, number: usize) -> Vec<u8> {
    dice.bytes(if number < 10 { LARGE_JUNK } else { 1_000 })
}

fn no_utf8(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut bytes = bytes(event);
    let name = bytes.windows(7).position(|window| window == b"mutant ").unwrap();
    bytes[name] = dice.of(&[0x80, 0xc0, 0xf8, 0xff]);
    bytes
}

fn too_deep(dice: &mut Dice, _: &Value, _: usize) -> Vec<u8> {
    let (open, close) = dice.of(&[("[", "]"), (r#"{"a":"#, "}")]);
    format!("{}1{}", open.repeat(10_000), close.repeat(10_000)).into_bytes()
}

fn too_deep_in_a_corner(_: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    event.to_string().replacen('{', &format!(r#"{{"more":{deep},"#), 1).into_bytes()
}

fn endless_number(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let number = format!("{}{}", dice.of(&["", "-"]), "7".repeat(1_000));
    let member = dice.of(&["more", "priority", "name"]);
    let mut event = event.clone();
    event.as_object_mut().unwrap().remove(member);
    event.to_string().replacen('{', &format!(r#"{{"{member}":{number},"#), 1).into_bytes()
}

fn a_member_twice(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let member = dice.of(&["id", "owner", "media", "schema", "name"]);
    let value = dice.of(&[event[member].clone(), json!("other"), json!(null)]);
    event.to_string().replacen('{', &format!(r#"{{"{member}":{value},"#), 1).into_bytes()
}

fn wrong_type(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut event = event.clone();
    let member = dice.of(&["id", "owner", "media", "schema", "name", "language", "priority"]);
    event[member] = dice.of(&[json!(7), json!([1]), json!({"a": 1}), json!(true), json!(1.5)]);
    bytes(&event)
}

fn unknown_major_version(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut event = event.clone();
    event["schema"] = dice.of(&["scribed.upload/2", "scribed.upload/", "scribed.job/1", ""]).into();
    bytes(&event)
}

fn wrong_media(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut event = event.clone();
    event["media"] = dice.of(&[
        json!({}),
        json!({"ftp": "ftp://example.org/a.wav"}),
        json!({"url": "https://10.0.0.1/a.wav"}),
        json!({"key": "recordings/none", "data": ""}),
        json!({"key": "../../etc/passwd"}),
        json!({"key": ""}),
        json!({"file": "file:///etc/passwd"}),
        json!({"file": "relative.wav"}),
        json!("recordings/none"),
    ]);
    bytes(&event)
}

fn no_owner(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut event = event.clone();
    let long = "x".repeat(10_000);
    event["owner"] = dice.of(&["", "nobody", "no\u{0}body", "' OR 1=1 --", long.as_str()]).into();
    bytes(&event)
}

fn impossible_id(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut event = event.clone();
    event["id"] = dice.of(&[String::new(), "ü".repeat(201), "x".repeat(100_000)]).into();
    bytes(&event)
}

fn no_base64(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut event = event.clone();
    let large = "A".repeat(700_004);
    event["media"]["data"] = dice.of(&["*", "AAA", "AA==AA", "AB\nAB", large.as_str()]).into();
    bytes(&event)
}

fn callback(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut event = event.clone();
    // None of them may be called.
    let url = dice.of(&["http://10.0.0.1/done", "ftp://example.org/", "done", "", "http://[::1]/"]);
    event["callback"] = json!({ "url": url });
    bytes(&event)
}

fn a_member_missing(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut event = event.clone();
    let member = dice.of(&["id", "owner", "media", "schema"]);
    event.as_object_mut().unwrap().remove(member);
    bytes(&event)
}

fn bytes_put_in(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let mut bytes = bytes(event);
    let (index, count) = (dice.below(bytes.len()), 1 + dice.below(40));
    let put_in = dice.bytes(count);
    bytes.splice(index..index, put_in);
    bytes
}

fn another_document(dice: &mut Dice, event: &Value, _: usize) -> Vec<u8> {
    let twice = format!("{event}{event}");
    let inside = json!([event]).to_string();
    let cloud = json!({"specversion": "0.3", "id": "a", "data": event}).to_string();
    let odd = json!({"specversion": "1.0", "id": "a", "data": [event]}).to_string();
    dice.of(&[twice, inside, cloud, odd, "<event/>".to_owned(), "id,owner".to_owned()]).into()
}
