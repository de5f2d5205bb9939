//! P10: readers that hardly read cost little, are let go, and are not noticed by others.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use scribed_tests::{Client, Daemon, Job, audio, eventually, pass, say};
use serde_json::json;

use crate::desk::Desk;
use crate::prober::Times;
use crate::process::Usage;
use crate::{alone, form};

/// Readers; one in ten wants a document, the others the text.
const READERS: usize = 200;
/// Most memory of a reader, in KiB.
const EACH_KIB: u64 = 256;
/// Clients that fetch the text at once, and read it, before.
const MAKERS: usize = 40;
/// Length of the text of one chunk, in bytes.
const CHUNK: usize = 600_000;
/// Chunks of the text.
const CHUNKS: usize = 2;
/// Questions of another client.
const QUESTIONS: usize = 400;
/// What a clock that looks at single requests cannot tell apart.
const HAIR: Duration = Duration::from_millis(2);
/// Descriptors that may be open at the end and were not at the beginning: those of other clients, and
/// of what the daemon does for itself.
const MORE: usize = 8;

/// Somebody who reads a byte a second.
#[derive(Debug)]
struct Reader {
    stream: TcpStream,
    /// Bytes that it has read.
    read: usize,
    /// When it was hung up on.
    over: Option<Instant>,
}

impl Reader {
    #[track_caller]
    fn begin(client: &Client, base: &str, request: &str) -> Self {
        let mut stream = TcpStream::connect(base.trim_start_matches("http://")).unwrap();
        // What is on its way to a reader is not kept from it in buffers of the kernel.
        set_socket_recv_buffer_size(&stream, 4_096).unwrap();
        let token = client.token();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, read: 0, over: None }
    }

    /// Reads one byte, if there is one.
    fn creep(&mut self) {
        match self.stream.read(&mut [0]) {
            Ok(0) => self.over = self.over.or_else(|| Some(Instant::now())),
            Ok(_) => self.read += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.over = self.over.or_else(|| Some(Instant::now())),
        }
    }
}

#[test]
fn readers_that_hardly_read_cost_little_and_are_let_go() {
    let _alone = alone();
    let patience = form(6, 30);
    let desk = Desk::new(
        Duration::from_secs(600),
        &format!("[engine]\nconcurrent_jobs = 1\n[http]\nwrite_timeout_secs = {patience}\n"),
    );
    let daemon = desk.setup().start();
    let client = daemon.client();
    let job = long_text(&daemon, &client);
    let (text, document) = (
        format!("GET /transcript?task_id={}", job.0),
        format!("POST /transcript/export?task_id={}&format=txt", job.0),
    );
    // What many make at once, and the allocator then keeps, is no reader's.
    std::thread::scope(|scope| {
        for _ in 0..MAKERS {
            scope.spawn(|| client.get(&text[4..]).status(200));
        }
    });
    assert!(client.get(&text[4..]).status(200).body.len() > CHUNK * CHUNKS);
    assert!(client.export(job, "txt").status(200).body.len() > CHUNK * (CHUNKS - 1));
    let calm = ask(&client);
    let before = Usage::of(daemon.pid());

    let request = |number: usize| if number.is_multiple_of(10) { &document } else { &text };
    let mut readers: Vec<Reader> =
        (0..READERS).map(|number| Reader::begin(&client, daemon.base(), request(number))).collect();
    eventually("every reader has its first bytes", || {
        readers.iter_mut().filter(|reader| reader.read == 0).for_each(Reader::creep);
        readers.iter().all(|reader| reader.read > 0).then_some(())
    });
    let all = Instant::now();
    let during = Usage::of(daemon.pid());
    let crowded = ask(&client);
    let each = during.rss_kib.saturating_sub(before.rss_kib) / READERS as u64;
    let mut next = Instant::now();
    let after = eventually("every reader is let go", || {
        if Instant::now() >= next {
            readers.iter_mut().filter(|reader| reader.over.is_none()).for_each(Reader::creep);
            next = Instant::now() + Duration::from_secs(1);
        }
        let now = Usage::of(daemon.pid());
        (now.descriptors <= before.descriptors + MORE).then_some(now)
    });
    let let_go = all.elapsed();
    // They may ask again where they were: nothing of their text is lost.
    assert!(client.get(&text[4..]).status(200).body.len() > CHUNK * CHUNKS);
    let (calm99, crowded99) = (calm.percentile(99), crowded.percentile(99));
    say(&format!(
        "readers: {READERS} of {} KiB each, a byte a second: {each} KiB of memory for each, the last let \
         go {:.1} s after the first bytes of all (the option says {patience} s); descriptors {} before, \
         {} with them, {} after; {} questions of another client: 99 % within {:.1} ms before and {:.1} ms \
         meanwhile, {:+.0} %; half within {:.1} and {:.1} ms",
        (CHUNK * CHUNKS) >> 10,
        let_go.as_secs_f64(),
        before.descriptors,
        during.descriptors,
        after.descriptors,
        crowded.len(),
        calm99.as_secs_f64() * 1e3,
        crowded99.as_secs_f64() * 1e3,
        (crowded99.as_secs_f64() / calm99.as_secs_f64() - 1.0) * 100.0,
        calm.percentile(50).as_secs_f64() * 1e3,
        crowded.percentile(50).as_secs_f64() * 1e3,
    ));
    assert!(during.descriptors >= before.descriptors + READERS, "all were connected");
    assert!(each <= EACH_KIB, "{each} KiB each");
    // One look, one question and a second of pause beyond the option are not its fault.
    assert!(let_go <= Duration::from_secs(patience + 10), "{let_go:?}");
    // Others may be on the machine of a short form.
    let limit = form(calm99 * 3 + Duration::from_millis(100), calm99.mul_f64(1.1) + HAIR);
    assert!(crowded99 <= limit, "{crowded99:?} against {calm99:?}");
}

/// Makes a job with a long text: another recording keeps the engine busy, and an external worker reports
/// what this one says.
#[track_caller]
fn long_text(daemon: &Daemon, client: &Client) -> Job {
    let upload = |name: &str, seconds: usize| {
        let silence = audio::wav(&vec![1_000; audio::RATE * seconds]);
        let answer = client.upload_bytes(name, silence).status(200).json();
        Job(answer["task_id"].as_i64().unwrap())
    };
    let endless = upload("endless.wav", 1);
    eventually("the endless job is in work", || {
        (client.state(endless) == "in_progress").then_some(())
    });
    let job = upload("long.wav", 30 * CHUNKS + 1);
    let path = format!(
        "/worker/transcription_status?secret_worker_token={}",
        daemon.secret("worker-token")
    );
    for number in 0..CHUNKS {
        let state = if number + 1 == CHUNKS { "completed" } else { "in_progress" };
        let chunk = json!({"text": "word ".repeat(CHUNK / 5), "chunk_no": number});
        let report = json!({"transcription_id": job.0, "current_state": state, "new_chunk": chunk});
        let _view = client.post_json(&path, &report).status(200);
    }
    job
}

/// Asks something small again and again.
#[track_caller]
fn ask(client: &Client) -> Times {
    let mut times = Times::default();
    for _ in 0..QUESTIONS {
        let begin = Instant::now();
        let _answer = client.get("/auth/info").status(200);
        times.add(begin.elapsed());
        pass(Duration::from_millis(2));
    }
    times
}
