//! The smallest plugin: what the guide shows is what the documentation test compiles.

#![forbid(unsafe_code)]

use std::{fs, path::Path};

/// Returns the visible lines of the first code block in the crate's documentation.
fn smallest_plugin(root: &Path) -> Vec<String> {
    let source = fs::read_to_string(root.join("src/lib.rs")).expect("the crate has a root");
    let documentation = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = documentation.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let block = lines.skip_while(|line| *line != "```").skip(1).take_while(|line| *line != "```");
    block.filter(|line| !line.starts_with("# ")).map(str::to_owned).collect()
}

#[test]
fn the_smallest_plugin_is_short_and_safe_and_stands_in_the_guide() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plugin = smallest_plugin(root);
    assert!((20..=35).contains(&plugin.len()), "{} lines", plugin.len());
    assert!(!plugin.iter().any(|line| line.contains("unsafe")));
    let guide = fs::read_to_string(root.join("../README.md")).expect("the guide is there");
    let guide: Vec<&str> = guide.lines().map(str::trim_start).collect();
    let plugin: Vec<&str> = plugin.iter().map(|line| line.trim_start()).collect();
    assert!(guide.windows(plugin.len()).any(|lines| lines == plugin), "the guide shows another");
}
