//! `scribed-checker [--announced] [--uncharged] FOLDER`: says what is wrong with a cluster at rest.
//!
//! The folder holds `clients.jsonl`, the log of the clients, and `cluster.toml`, the configuration of
//! the daemons. It exits with 0 when nothing is wrong, with 1 when something is, and with 2 when it
//! could not look.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use scribed_tests::checker::{Evidence, Rules, Said, check, collect};

fn main() -> ExitCode {
    let mut rules = Rules::default();
    let mut folder = None;
    for argument in std::env::args_os().skip(1) {
        match argument.to_str() {
            Some("--announced") => rules.announced = true,
            Some("--uncharged") => rules.uncharged = true,
            _ => folder = Some(PathBuf::from(argument)),
        }
    }
    let Some(folder) = folder else {
        eprintln!("usage: scribed-checker [--announced] [--uncharged] FOLDER");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime needs threads only");
    match runtime.block_on(collect::collect(&folder)) {
        Ok(evidence) => judge(&evidence, rules),
        Err(error) => {
            eprintln!("cannot look: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Prints what was looked at and what is wrong with it.
fn judge(evidence: &Evidence, rules: Rules) -> ExitCode {
    let count =
        |wanted: fn(&Said) -> bool| evidence.said.iter().filter(|line| wanted(&line.said)).count();
    let chunks: usize = evidence.jobs.iter().map(|known| known.chunks.len()).sum();
    println!(
        "looked at {} events, {} jobs, {chunks} chunks, {} recordings, {} dead letters, {} \
         announcements, {} reads of text, {} looks at jobs, {} looks at offsets",
        evidence.uploads.len(),
        evidence.jobs.len(),
        evidence.files.len(),
        evidence.letters.len(),
        evidence.states.len() + evidence.transcripts.len(),
        count(|said| matches!(said, Said::Read { .. })),
        count(|said| matches!(said, Said::Seen { .. })),
        count(|said| matches!(said, Said::Offset { .. })),
    );
    let findings = check(evidence, rules);
    for finding in &findings {
        println!("{finding}");
    }
    println!("{} findings", findings.len());
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
