//! Matroska: elements in elements, each with an id and a size.
//!
//! Ids are those of RFC 9559.

use super::{Bomb, bomb};

/// How deep elements stand in each other, as deep as a kilobyte takes.
const DEPTH: usize = 100;
/// The size of an element that tells none: it reaches to the end.
const UNKNOWN: u64 = (1 << 56) - 1;

/// The id of what a codec is told.
const PRIVATE: &[u8] = b"\x63\xa2";
/// The id of the element that everything stands in.
const SEGMENT: &[u8] = b"\x18\x53\x80\x67";

/// Makes an element that says that it has this size.
fn told(id: &[u8], size: u64, body: &[u8]) -> Vec<u8> {
    let size = (size | 1 << 56).to_be_bytes();
    [id, &size[..], body].concat()
}

/// Makes an element.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    told(id, body.len() as u64, body)
}

fn head() -> Vec<u8> {
    element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"webm"))
}

fn segment(body: &[u8]) -> Vec<u8> {
    [head(), element(SEGMENT, &[info(1_000_000), body.to_vec()].concat())].concat()
}

/// Says how many nanoseconds a tick has, and what every file says beside.
fn info(tick: u64) -> Vec<u8> {
    let parts = [
        element(b"\x2a\xd7\xb1", &tick.to_be_bytes()),
        element(b"\x4d\x80", b"a"),
        element(b"\x57\x41", b"a"),
    ];
    element(b"\x15\x49\xa9\x66", &parts.concat())
}

/// Makes the list of tracks: one of Opus, with what its codec is told.
fn tracks(private: &[u8]) -> Vec<u8> {
    tracks_of(b"A_OPUS", private)
}

/// Makes the list of tracks: one of a codec, with what that is told.
fn tracks_of(codec: &[u8], private: &[u8]) -> Vec<u8> {
    let sound = [element(b"\xb5", &48_000_f64.to_be_bytes()), element(b"\x9f", &[1])];
    let track = [
        element(b"\xd7", &[1]),
        element(b"\x73\xc5", &[1]),
        element(b"\x83", &[2]),
        element(b"\x86", codec),
        element(b"\xe1", &sound.concat()),
        private.to_vec(),
    ];
    element(b"\x16\x54\xae\x6b", &element(b"\xae", &track.concat()))
}

/// Makes the list of tracks as it should be.
fn good_tracks() -> Vec<u8> {
    tracks(&element(PRIVATE, b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0"))
}

/// Makes a cluster with a sixth of a second of silence: a block of eight frames of the same size.
fn good_cluster(time: &[u8]) -> Vec<u8> {
    cluster(time, 0x04, &[&[7][..], &b"\xf8\xff\xfe".repeat(8)].concat())
}

/// Makes a cluster of one block: its flags say how its frames are laced.
fn cluster(time: &[u8], flags: u8, body: &[u8]) -> Vec<u8> {
    let block = [&[0x81, 0, 0, flags][..], body].concat();
    let parts = [element(b"\xe7", time), element(b"\xa3", &block)];
    element(b"\x1f\x43\xb6\x75", &parts.concat())
}

/// Makes a file whose second block is laced.
fn laced(flags: u8, body: &[u8]) -> Vec<u8> {
    segment(&[good_tracks(), good_cluster(&[0]), cluster(&[160], flags, body)].concat())
}

pub(super) fn matroskas() -> Vec<Bomb> {
    let private = |size: u64| segment(&tracks(&told(PRIVATE, size, &[0; 16])));
    // Blocks of nothing but padding where the first one should tell the format.
    let flac = |length: [u8; 3]| {
        let told = [b"fLaC\x01", &length[..]].concat();
        segment(&[tracks_of(b"A_FLAC", &element(PRIVATE, &told)), good_cluster(&[0])].concat())
    };
    let jump = [good_cluster(&[0]), good_cluster(&[0x7f; 8])].concat();
    let hours = [good_cluster(&[0]), good_cluster(&360_000_000_u32.to_be_bytes())].concat();
    let nested = (0..DEPTH).fold(Vec::new(), |inside, _| {
        let parent = [b"\x67\xc8", &[0x40][..]].concat();
        [parent, vec![u8::try_from(inside.len() % 250).unwrap()], inside].concat()
    });
    // An index entry that says that the index begins where it stands itself.
    let itself = [element(b"\x53\xab", b"\x11\x4d\x9b\x74"), element(b"\x53\xac", &[0])].concat();
    let itself = element(b"\x11\x4d\x9b\x74", &element(b"\x4d\xbb", &itself));
    let empty = [0xec_u8, 0x80].repeat(150);
    let long_type =
        told(b"\x1a\x45\xdf\xa3", UNKNOWN - 1, &told(b"\x42\x82", 1 << 34, &[b'a'; 16]));
    let endless = told(SEGMENT, UNKNOWN, &[]);
    let centuries = [info(u64::MAX), good_tracks(), jump.clone()].concat();
    vec![
        bomb("plain.mkv", segment(&[good_tracks(), good_cluster(&[0])].concat())),
        bomb("private-1-tb.mkv", private(1 << 40)),
        bomb("private-2-to-56.mkv", private(UNKNOWN - 1)),
        // 483: it read the same block for ever.
        bomb("flac-padding-of-0.mkv", flac([0; 3])),
        bomb("flac-padding-of-16-mb.mkv", flac([0xff; 3])),
        bomb("type-16-gb.mkv", long_type),
        bomb("clock-100-hours.mkv", segment(&[good_tracks(), hours].concat())),
        bomb("clock-beyond.mkv", segment(&[good_tracks(), jump].concat())),
        bomb("tick-of-centuries.mkv", [head(), element(SEGMENT, &centuries)].concat()),
        // 490: frames of sizes that no memory has.
        bomb("ebml-lacing-huge.mkv", laced(0x06, b"\xff\x01\xff\xff\xff\xff\xff\xff\xfe\x01\xff")),
        bomb("ebml-lacing-negative.mkv", laced(0x06, b"\x03\x81\x01\0\0\0\0\0\0\x01\xff\xff")),
        bomb("xiph-lacing-endless.mkv", laced(0x02, &[0xff; 200])),
        bomb("fixed-lacing-of-nothing.mkv", laced(0x04, b"\xff")),
        bomb("lists-itself.mkv", segment(&[itself, good_tracks(), good_cluster(&[0])].concat())),
        bomb(
            "nothing-but-voids.mkv",
            segment(&[good_tracks(), good_cluster(&[0]), empty].concat()),
        ),
        bomb("unknown-in-unknown.mkv", [head(), endless.clone(), endless].concat()),
        bomb("nested-100-deep.mkv", segment(&[good_tracks(), good_cluster(&[0]), nested].concat())),
    ]
}
