//! The statements are read as text: only what both databases have, each with its whole partition.

use std::collections::BTreeMap;

use super::super::schema::MIGRATIONS;
use super::*;

/// Returns the columns of each table's partition key, read from the schema.
fn partition_keys() -> BTreeMap<String, Vec<String>> {
    let mut keys = BTreeMap::new();
    for table in MIGRATIONS.concat().split("CREATE TABLE IF NOT EXISTS ").skip(1) {
        let name = table.split_whitespace().next().expect("a name").to_owned();
        let inline = || {
            let line = table.lines().find(|line| line.contains("PRIMARY KEY"));
            line.and_then(|line| line.split_whitespace().next()).expect("a key")
        };
        // `id bigint PRIMARY KEY`, or `PRIMARY KEY (a, b)`, or `PRIMARY KEY ((a, b), c)`.
        let key = table.split_once("PRIMARY KEY (").map(|(_, key)| key);
        let columns = key.map_or_else(inline, |key| match key.strip_prefix('(') {
            Some(several) => several.split(')').next().expect("an end"),
            None => key.split([',', ')']).next().expect("a column"),
        });
        let columns = columns.split(',').map(|column| column.trim().to_owned()).collect();
        keys.insert(name, columns);
    }
    keys
}

/// Splits a statement into its words.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '(', ')', ','])
}

/// Returns the table of a statement.
fn table(text: &str) -> Option<&str> {
    let mut words = words(text);
    words.find(|word| matches!(*word, "FROM" | "INTO" | "UPDATE"))?;
    words.next()
}

#[test]
fn nothing_is_used_that_only_one_database_has_or_that_scans() {
    let texts = ALL.iter().map(|(_, _, text)| *text).chain(MIGRATIONS.iter().copied());
    for text in texts {
        let upper = text.to_uppercase();
        for word in [
            "ALLOW FILTERING",
            "INDEX",
            "MATERIALIZED VIEW",
            "COUNTER",
            "USING TIMESTAMP",
            "USING TIMEOUT",
            "BYPASS CACHE",
        ] {
            let without_comments: String =
                upper.lines().filter(|line| !line.starts_with("--")).collect();
            assert!(!without_comments.contains(word), "{word} in {text}");
        }
    }
}

#[test]
fn every_statement_names_its_keyspace_once_and_keeps_its_words() {
    for (name, _, text) in ALL {
        let table = table(text).unwrap_or_else(|| panic!("{name} has no table"));
        let qualified = qualified(text, "house");
        assert_eq!(qualified.matches("house.").count(), 1, "{qualified}");
        assert!(qualified.contains(&format!(" house.{table} ")), "{qualified}");
        assert_eq!(qualified.replace("house.", ""), *text, "{name}");
    }
}

#[test]
fn every_statement_names_its_whole_partition() {
    let keys = partition_keys();
    assert!(keys.len() > 15, "{keys:?}");
    for (name, _, text) in ALL {
        let words: Vec<&str> = words(text).collect();
        let columns = &keys[table(text).unwrap_or_else(|| panic!("{name} has no table"))];
        for column in columns {
            let asked = text.contains(&format!("{column} = "));
            let inserted = text.starts_with("INSERT") && words.contains(&column.as_str());
            assert!(asked || inserted, "{name} does not name {column}");
        }
    }
}

#[test]
fn what_is_conditional_is_sent_as_such() {
    // A batch is sent as a whole, as a change.
    let halves = ["add_chunk", "remove_chunk"];
    for (name, way, text) in ALL.iter().filter(|(name, ..)| !halves.contains(name)) {
        assert_eq!(text.contains(" IF "), *way == Way::change, "{name}");
    }
}

#[test]
fn rows_that_change_by_condition_are_never_written_without() {
    let conditional = [
        "accounts",
        "account_names",
        "refresh_families",
        "api_keys",
        "media",
        "jobs",
        "submissions",
        "only_jobs",
        "messages",
        "consumer_groups",
        "node_numbers",
    ];
    for (name, _, text) in ALL.iter().filter(|(_, way, _)| *way == Way::write) {
        let table = table(text).filter(|table| conditional.contains(table));
        assert!(table.is_none(), "{name} writes {table:?} without a condition");
    }
}
