//! The program `scribed`: reads the command line, does what it says, and tells by its exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use scribed::cli::Cli;
use scribed::{commands, output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(&cli) {
        Ok(code) => code,
        Err(failure) => {
            output::note(format!("error: {failure}"));
            if let Some(hint) = &failure.hint {
                output::note(format!("hint: {hint}"));
            }
            ExitCode::from(failure.exit)
        }
    }
}
