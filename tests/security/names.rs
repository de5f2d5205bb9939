//! S5: names of files are only text. Whatever a recording is called, it is kept under its number, and
//! no answer breaks at the name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use scribed_tests::{Client, Job, say};
use serde_json::Value;

use crate::busy::{self, Busy, DOCUMENTS};
use crate::quoted_bytes;
use crate::raw::{Raw, ask, bearer, request};

/// What every name here has in it, so that a file of that name is found wherever it lies.
const MARK: &str = "scribed-canary";
/// Uploads whose documents are looked at as well.
const EXPORTED: usize = 20;
/// Headers that answers may have.
const HEADERS: [&str; 7] = [
    "cache-control",
    "connection",
    "content-disposition",
    "content-length",
    "content-type",
    "date",
    "x-content-type-options",
];

/// Returns names that have meant trouble somewhere.
fn names() -> Vec<Vec<u8>> {
    let stems = [
        "../../../../../../../../tmp/scribed-canary",
        "..\\..\\..\\..\\windows\\system32\\scribed-canary",
        "/tmp/scribed-canary",
        "C:\\scribed-canary",
        "//host/share/scribed-canary",
        "....//....//scribed-canary",
        "..%2f..%2f..%2fscribed-canary",
        "..%252f..%252fscribed-canary",
        "..\u{2215}..\u{ff0f}scribed-canary",
        "scribed-canary\0.wav",
        "scribed-canary/../../../secrets/signing-key",
        "../secrets/admin-token#scribed-canary",
        "CON",
        "NUL.scribed-canary",
        "COM1",
        "scribed-canary.wav::$DATA",
        "scribed-canary.",
        " scribed-canary ",
        ".",
        "..",
        "",
        "~",
        "-rf scribed-canary",
        "$(touch scribed-canary)",
        "`touch scribed-canary`",
        "; touch scribed-canary",
        "|touch scribed-canary",
        "scribed-canary\u{202e}vaw.exe",
        "\u{200f}scribed-canary\u{2066}",
        "\u{feff}scribed-canary",
        "scribed-canary\r\nSet-Cookie: a=b",
        "scribed-canary\nX-Canary: 1",
        "scribed-canary\rX-Canary: 1",
        "scribed-canary\r\n\r\n<script>alert(1)</script>",
        "scribed-canary\u{2028}X-Canary: 1",
        "scribed-canary\"; filename=\"other",
        "scribed-canary'; DROP TABLE jobs; --",
        "scribed-canary\\\"",
        "scribed-canary;x=y",
        "<img src=x onerror=alert(1)>scribed-canary",
        "scribed-canary\u{1b}[2J\u{1b}]0;x\u{7}",
        "scribed-canary\u{9b}31m\u{85}",
        "scribed-canary%n%s%x{}{0}",
        "scribed-canaryÄÖÜ漢字😀e\u{301}",
        "scribed-canary\u{fffe}\u{ffff}\u{10ffff}",
    ];
    let mut names: Vec<Vec<u8>> = stems.iter().map(|stem| stem.as_bytes().to_vec()).collect();
    names.extend(["", ".wav", "/"].map(|end| format!("{}{end}", MARK.repeat(720)).into_bytes()));
    names.extend(
        ["../", "\u{202e}", "漢"].map(|part| format!("{}{MARK}", part.repeat(1_000)).into_bytes()),
    );
    // No UTF-8: cut, overlong, a surrogate, another code page.
    for bytes in [&b"\xff\xfe"[..], b"\xc0\xaf..", b"\xed\xa0\x80", b"\xfc\xdf", b"\xe2\x82"] {
        names.push([bytes, MARK.as_bytes()].concat());
    }
    // Each control character between letters.
    names.extend((1..20_u8).map(|control| [MARK.as_bytes(), &[control], b".wav"].concat()));
    names
}

/// Returns the ways in which a name may be written into the head of its part.
fn ways(name: &[u8]) -> [Vec<u8>; 4] {
    let escaped: Vec<u8> = name
        .iter()
        .flat_map(|byte| if b"\"\\".contains(byte) { vec![b'\\', *byte] } else { vec![*byte] })
        .collect();
    let percent = quoted_bytes(name);
    [
        [b"filename=\"", name, b"\""].concat(),
        [b"filename=\"", escaped.as_slice(), b"\""].concat(),
        format!("filename=\"{percent}\"").into_bytes(),
        format!("filename=\"a.wav\"; filename*=UTF-8''{percent}").into_bytes(),
    ]
}

/// Uploads a recording under a name, byte for byte.
#[track_caller]
fn upload(client: &Client, base: &str, name: &[u8]) -> Raw {
    let head = [b"--b\r\nContent-Disposition: form-data; name=\"audiofile\"; ", name, b"\r\n\r\n"];
    let form = [head.concat().as_slice(), &busy::recording(), b"\r\n--b--\r\n"].concat();
    let lines =
        [bearer(client.token()), "Content-Type: multipart/form-data; boundary=b".to_owned()];
    ask(base, &request("POST", "/upload-audiofile", &lines, &form))
}

#[track_caller]
fn is_whole(answer: &Raw) {
    for (name, value) in answer.headers() {
        assert!(HEADERS.contains(&name.as_str()), "{name} in {answer:?}");
        let plain = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        assert!(plain, "{name} in {answer:?}");
    }
}

/// Insists that an answer repeats a name only as one plain line without folders.
#[track_caller]
fn is_text_only(answer: &Raw) -> Job {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let name = body["file"].as_str().unwrap();
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let bad = |c: char| c.is_control() || turns(c) || matches!(c, '/' | '\\');
    assert!(!name.is_empty() && !name.contains(bad), "{name:?}");
    assert!(name.chars().count() <= 255, "{name:?}");
    Job(body["task_id"].as_i64().unwrap())
}

/// Lists the files below a folder that are no recordings.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("media") {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

/// Lists what has the mark in its name where names that break out would lead.
fn strays(state: &Path) -> Vec<PathBuf> {
    let here = std::env::current_dir().unwrap();
    let folders =
        [Path::new("/"), Path::new("/tmp"), &std::env::temp_dir(), state.parent().unwrap(), &here];
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let marked = |path: &PathBuf| path.to_string_lossy().contains(MARK);
    entries.map(|entry| entry.path()).filter(marked).collect()
}

#[test]
fn a_recording_is_kept_under_its_number_whatever_it_is_called() {
    let busy = Busy::start(DOCUMENTS);
    let (client, base) = (busy.daemon.client(), busy.daemon.base());
    let before = files(busy.daemon.state());
    let mut taken = Vec::new();
    let mut count = 0;
    for written in names().iter().flat_map(|name| ways(name)) {
        let answer = upload(&client, base, &written);
        count += 1;
        is_whole(&answer);
        let shown = String::from_utf8_lossy(&written[..written.len().min(100)]).into_owned();
        match answer.status {
            200 => taken.push(is_text_only(&answer)),
            // The form is broken, or its part is no file.
            400 | 422 => {}
            other => panic!("{other} for {shown:?}: {answer:?}"),
        }
    }
    say(&format!("{count} names, {} of them taken", taken.len()));
    assert!(count >= 300 && taken.len() >= 200, "{} of {count}", taken.len());

    let media = busy.daemon.state().join("media");
    let stored = busy.daemon.stored();
    assert_eq!(stored.len(), taken.len() + 1, "one file for each recording, and the endless one");
    for path in &stored {
        let key = path.strip_prefix(&media).unwrap().to_string_lossy().into_owned();
        let number = key.strip_prefix("recordings/").unwrap_or_default();
        assert!(number.parse::<i64>().is_ok(), "{key}");
    }
    assert_eq!(files(busy.daemon.state()), before, "nothing else is written");
    assert_eq!(strays(busy.daemon.state()), Vec::<PathBuf>::new());

    // Spread over all names.
    for job in taken.iter().step_by(taken.len() / EXPORTED) {
        exports_are_whole(&busy, &client, *job);
    }
    let listed = busy.daemon.program().run(["jobs", "list", "--limit", "1000"]).code(0).out;
    let bad = |c: char| c.is_control() && c != '\n';
    assert!(!listed.contains(bad) && listed.lines().count() > taken.len(), "{listed}");
}

/// Insists that documents of a job are named by us.
#[track_caller]
fn exports_are_whole(busy: &Busy, client: &Client, job: Job) {
    busy.complete(job, "some words");
    for (format, modern) in [("txt", "txt"), ("doc", "docx")] {
        let target = format!("/transcript/export?task_id={}&format={format}", job.0);
        let lines = [bearer(client.token())];
        let answer = ask(busy.daemon.base(), &request("POST", &target, &lines, b""));
        assert_eq!(answer.status, 200, "{answer:?}");
        is_whole(&answer);
        let owner = client.id();
        let expected =
            format!("attachment; filename=\"{owner}.{format}\"; filename*=UTF-8''{owner}.{modern}");
        assert_eq!(answer.header("content-disposition"), expected);
    }
}
