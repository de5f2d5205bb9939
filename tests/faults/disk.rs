//! The disk runs full at random moments while recordings come in and are worked on: nothing ends, nothing
//! breaks, and all goes on once there is space again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use scribed_tests::sound::{Random, recording_of};
use scribed_tests::{Client, Job, Setup, eventually, eventually_within, pass, say};

use crate::bench::settings;
use crate::{assert_whole, beside, form};

/// Size of the disk, in MiB.
const DISK_MIB: u32 = 96;
/// How long all jobs may take once there is space again.
const GOES_ON: Duration = Duration::from_secs(15);
/// Chunks of a recording.
const CHUNKS: usize = 10;
/// Chunks of the recording that is in work when the disk runs full for the first time: half a second of
/// work at least, of which filling the disk takes the beginning.
const MANY_CHUNKS: usize = 100;
/// A recording that no full disk has space for.
const LARGE: usize = 400_000;

#[test]
fn a_full_disk_damages_nothing() {
    let _beside = beside();
    let fills = form(8, 50);
    let mut random = Random::printed("disk");
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, Duration::from_millis(20), "unavailable_backoff_secs = 1");
    let daemon = Setup::default()
        .disk_mib(DISK_MIB)
        .argument("--config")
        .argument(settings.display().to_string())
        .start();
    let (client, pid) = (daemon.client(), daemon.pid());
    let (wav, text) = recording_of(u64::MAX, CHUNKS);
    let kept =
        Job(client.upload_bytes("kept.wav", wav).status(200).json()["task_id"].as_i64().unwrap());
    assert_eq!(client.end_of(kept), "completed");
    let (mut jobs, mut refused, mut waited, mut slowest) = (0, 0, 0, Duration::ZERO);
    for fill in 0..fills {
        let more = Uploads::start(&client, fill * 1_000);
        pass(random.millis(700));
        let at_work = (fill == 0).then(|| at_work(&client));
        let filler = daemon.fill_disk();
        let detail = client.upload_bytes("large.wav", vec![0; LARGE]).status(507).detail();
        assert!(!detail.is_empty());
        assert_eq!(client.chunks(kept), text, "what is stored stays readable");
        assert_whole(&daemon);
        pass(random.millis(900));
        waited += waiting(&client);
        std::fs::remove_file(filler).unwrap();
        let begin = Instant::now();
        let Answered { mut accepted, full } = more.stop();
        accepted.extend(at_work);
        jobs += accepted.len();
        refused += full + 1;
        for (job, expected) in accepted {
            let left = GOES_ON.saturating_sub(begin.elapsed());
            let done = eventually_within(left, "a job ends once there is space", || {
                let state = client.state(job);
                (state != "queued" && state != "in_progress" && state != "processing_error")
                    .then_some(state)
            });
            assert_eq!(done, "completed");
            assert_eq!(client.chunks(job), expected);
            assert_eq!(client.info(job)["error_count"], 0, "the job is not to blame");
        }
        slowest = slowest.max(begin.elapsed());
        assert_whole(&daemon);
    }
    assert!(waited > 0, "no job ever waited for space");
    assert_eq!(daemon.pid(), pid);
    assert!(crate::debris::is_alive(pid), "the daemon did not end");
    say(&format!(
        "disk: {DISK_MIB} MiB filled {fills} times; the database whole each time; {jobs} jobs done, {:.1} s after \
         there was space again at most; {refused} uploads refused with 507; {waited} times a job waited for space",
        slowest.as_secs_f64(),
    ));
}

/// Uploads a recording with much to do, and waits until it is being worked on; returns its job with the
/// text that it must have.
#[track_caller]
fn at_work(client: &Client) -> (Job, Vec<String>) {
    let (wav, text) = recording_of(u64::MAX - 1, MANY_CHUNKS);
    let answer = client.upload_bytes("many.wav", wav).status(200).json();
    let job = Job(answer["task_id"].as_i64().unwrap());
    eventually("it is being worked on", || (client.state(job) == "in_progress").then_some(()));
    (job, text)
}

/// Insists that no job fails for want of space, nor is charged with it; returns how many wait.
#[track_caller]
fn waiting(client: &Client) -> usize {
    let page = client.get("/transcriptions?page=1&size=10000").status(200).json();
    let jobs = page["transcriptions"].as_array().unwrap();
    for job in jobs {
        let state = job["current_state"].as_str().unwrap();
        let goes_on = ["queued", "in_progress", "processing_error", "completed"].contains(&state);
        assert!(goes_on && job["error_count"] == 0, "while the disk is full: {job}");
    }
    jobs.iter().filter(|job| job["current_state"] != "completed").count()
}

/// Somebody who uploads one recording after the other.
#[derive(Debug)]
struct Uploads {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Answered>,
}

/// How uploads were answered.
#[derive(Debug, Default)]
struct Answered {
    /// Jobs with the text that they must have.
    accepted: Vec<(Job, Vec<String>)>,
    /// How many were refused for want of space.
    full: usize,
}

impl Uploads {
    /// Begins; recordings are numbered from `first`.
    fn start(client: &Client, first: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (client, told) = (client.clone(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut answered = Answered::default();
            for number in first.. {
                if told.load(Ordering::Relaxed) {
                    break;
                }
                let (wav, expected) = recording_of(number, CHUNKS);
                let answer = client.upload_bytes("small.wav", wav);
                match answer.status {
                    200 => {
                        let job = answer.json()["task_id"].as_i64().unwrap();
                        answered.accepted.push((Job(job), expected));
                    }
                    507 => answered.full += 1,
                    other => panic!("{other}: {}", answer.detail()),
                }
                pass(Duration::from_millis(150));
            }
            answered
        });
        Self { stop, thread }
    }

    /// Ends.
    #[track_caller]
    fn stop(self) -> Answered {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
