//! The house rules that are text, held by a machine so that no review has to.
//!
//! - [`tree`]: the files of the project in memory, so that a check can be tried on a broken one.
//! - [`source`]: Rust without its comments and strings, and where its functions are.
//! - [`sizes`]: every file says what it is, and fits on a few pages; every function on a screen.
//! - [`names`]: names that say nothing, and marks of unfinished work.
//! - [`crates`]: descriptions, lints, and who may import whom.
//! - [`features`]: the same features with tests and without, so that nothing is built twice.
//! - [`unsafety`]: where `unsafe` may stand.
//! - [`top`]: what stands at the top, and no path of the machine that it was written on.
//!
//! Each check returns its findings as sentences that name the file, and is tried on a violation made
//! for it, so that it cannot pass by finding nothing at all.

#![forbid(unsafe_code)]

mod crates;
mod features;
mod names;
mod sizes;
mod source;
mod top;
mod tree;
mod unsafety;

use tree::Tree;

/// Fails with every finding of a check on the project itself.
#[track_caller]
fn holds(check: fn(&Tree) -> Vec<String>) {
    let findings = check(Tree::of_the_project());
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// Fails unless a check finds exactly one thing in these files, and names what it should.
#[track_caller]
fn finds(check: fn(&Tree) -> Vec<String>, files: &[(&str, &str)], named: &[&str]) {
    let findings = check(&Tree::of(files));
    let [finding] = findings.as_slice() else { panic!("one finding, not {findings:?}") };
    for word in named {
        assert!(finding.contains(word), "{finding:?} does not name {word:?}");
    }
}

/// Fails when a check finds anything in these files.
#[track_caller]
fn passes(check: fn(&Tree) -> Vec<String>, files: &[(&str, &str)]) {
    let findings = check(&Tree::of(files));
    assert!(findings.is_empty(), "{findings:?}");
}
