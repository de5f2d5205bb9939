//! `scribed doctor`: how everything is that a daemon on this host needs, and what to do.

use std::process::ExitCode;

use super::{Session, check, runtime};
use crate::cli::Listing;
use crate::doctor::machine::Machine;
use crate::doctor::{Finding, Verdict, services};
use crate::failure::Failure;
use crate::output;
use crate::stages::Stages;

/// Looks at everything and reports; nothing is started or changed.
///
/// # Errors
/// When the place of the running program is unknown.
pub(super) fn run(session: &Session, listing: Listing) -> Result<ExitCode, Failure> {
    let stages = Stages::load(&session.settings.config, &session.folder)?;
    let largest = stages.models.iter().map(|model| model.bytes).max().unwrap_or(0);
    let mut findings = Machine::default().look(largest, stages.for_gpu());
    findings.extend(models(&stages));
    findings.extend(configuration(session, &stages));
    let looks = services::look(&session.settings.config, &session.folder);
    findings.extend(runtime()?.block_on(looks));
    if listing.json {
        output::json(&findings)?;
    } else {
        findings.iter().for_each(print);
    }
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    output::note(match bad {
        0 => "nothing is bad".to_owned(),
        1 => "1 thing is bad".to_owned(),
        n => format!("{n} things are bad"),
    });
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn models(stages: &Stages) -> Vec<Finding> {
    let model = |model: &crate::models::Model| {
        let seen = format!("{}, {} MiB: {}", model.name, model.bytes >> 20, model.path.display());
        if model.demo {
            let todo = "put a ggml Whisper model into the folder `models` of the state folder";
            return Finding::fair("model", format!("{seen}; it knows 141 words"), todo);
        }
        Finding::good("model", seen)
    };
    stages.models.iter().map(model).collect()
}

fn configuration(session: &Session, stages: &Stages) -> Vec<Finding> {
    let problems = check::problems(session, stages);
    if problems.is_empty() {
        return vec![Finding::good("configuration", "a daemon would start with it")];
    }
    let todo = "correct it; `scribed check` shows every option and where it comes from";
    problems.into_iter().map(|problem| Finding::bad("configuration", problem, todo)).collect()
}

/// Prints a finding: the verdict, the thing, what was seen; what to do on a line of its own.
fn print(finding: &Finding) {
    let verdict = match finding.verdict {
        Verdict::Good => "good",
        Verdict::Fair => "fair",
        Verdict::Bad => "BAD",
    };
    output::line(format!("{verdict:4}  {:13}  {}", finding.part, finding.seen));
    if let Some(todo) = &finding.todo {
        output::line(format!("{:21}→ {todo}", ""));
    }
}
