//! Alerts and dashboard: they can be read, and name only what the daemon measures.

use std::collections::BTreeSet;
use std::fs;

use promql_parser::label::MatchOp;
use promql_parser::parser::{self, Expr, VectorSelector};
use scribed_schemas::metric::{self, Kind, Metric};
use scribed_tests::build;
use serde_json::Value;

use crate::health::{probe, setup};

/// Reads a file of the project.
fn read(path: &str) -> String {
    fs::read_to_string(build::root().join(path)).unwrap()
}

/// Returns every name that may stand in a query: those of histograms come in three.
fn measured() -> BTreeSet<String> {
    let series = |metric: &Metric| match metric.kind {
        Kind::Histogram => ["_bucket", "_sum", "_count"].map(|end| metric.name.to_owned() + end),
        Kind::Counter | Kind::Gauge => [(); 3].map(|()| metric.name.to_owned()),
    };
    // Prometheus itself says whether it could ask.
    metric::ALL.iter().flat_map(series).chain(["up".to_owned()]).collect()
}

/// Returns the metrics of a query.
#[track_caller]
fn names(query: &str) -> BTreeSet<String> {
    selectors(query).into_iter().filter_map(|selector| selector.name).collect()
}

/// Returns what a query asks for: metrics with their labels.
#[track_caller]
fn selectors(query: &str) -> Vec<VectorSelector> {
    let parsed = parser::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let mut selectors = Vec::new();
    collect(&parsed, &mut selectors);
    assert!(!selectors.is_empty(), "{query} asks for nothing");
    selectors
}

fn collect(query: &Expr, into: &mut Vec<VectorSelector>) {
    match query {
        Expr::Aggregate(aggregate) => collect(&aggregate.expr, into),
        Expr::Unary(unary) => collect(&unary.expr, into),
        Expr::Binary(binary) => {
            collect(&binary.lhs, into);
            collect(&binary.rhs, into);
        }
        Expr::Paren(paren) => collect(&paren.expr, into),
        Expr::Subquery(query) => collect(&query.expr, into),
        Expr::VectorSelector(selector) => into.push(selector.clone()),
        Expr::MatrixSelector(selector) => into.push(selector.vs.clone()),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| collect(argument, into)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// Fails when a query names what nobody measures.
#[track_caller]
fn check(query: &str) {
    let measured = measured();
    for name in names(query) {
        assert!(measured.contains(&name), "{query}: nobody measures {name}");
    }
}

/// Returns the alerts, each with its name and its query.
fn alerts() -> Vec<Value> {
    let rules: Value = serde_yaml_ng::from_str(&read("deploy/observability/alerts.yaml")).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn every_alert_can_be_read_and_has_its_entry_in_the_run_book() {
    let book = read("deploy/README.md");
    let mut count = 0;
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        check(alert["expr"].as_str().unwrap());
        assert!(book.contains(&format!("\n### {name}\n")), "{name} is not in the run book");
        let entry = format!("deploy/README.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook"], entry.as_str());
        assert!(alert["annotations"]["summary"].is_string(), "{name}");
        count += 1;
    }
    let entries = book.matches("\n### Scribed").count();
    assert_eq!(count, entries, "the run book explains alerts that there are, and no others");
}

/// A series that is first seen at 1 has not grown: of what happens once, no alert would tell.
#[test]
fn what_alerts_count_is_there_before_it_happens() {
    let daemon = setup().start();
    let (_, metrics) = probe(&daemon, "/metrics");
    let is_counter = |name: &str| {
        metric::ALL.iter().any(|metric| metric.name == name && metric.kind == Kind::Counter)
    };
    let mut count = 0;
    for alert in alerts() {
        for selector in selectors(alert["expr"].as_str().unwrap()) {
            let name = selector.name.unwrap();
            if !is_counter(&name) {
                continue;
            }
            let labels = selector.matchers.matchers.iter();
            let labels: Vec<String> = labels
                .filter(|label| label.op == MatchOp::Equal)
                .map(|label| format!("{}=\"{}\"", label.name, label.value))
                .collect();
            let is_there = metrics.lines().any(|line| {
                let series = line.strip_prefix(&name);
                let series = series.filter(|rest| rest.starts_with(['{', ' ']));
                series.is_some_and(|rest| labels.iter().all(|label| rest.contains(label)))
            });
            assert!(is_there, "{name} with {labels:?} is missing in:\n{metrics}");
            count += 1;
        }
    }
    assert!(count > 5, "alerts count what happens");
    for series in [
        r#"scribed_dead_letters_total{reason="stage_crashed"} 0"#,
        r#"scribed_dead_letters_total{reason="malformed"} 0"#,
        r#"scribed_worker_ends_total{group="asr",cause="crashed"} 0"#,
        r#"scribed_store_errors_total{kind="full"} 0"#,
        "scribed_slots_busy 0",
    ] {
        assert!(metrics.lines().any(|line| line == series), "{series} is missing in:\n{metrics}");
    }
}

#[test]
fn every_panel_can_be_read_and_all_that_is_measured_is_shown() {
    let board: Value = serde_json::from_str(&read("deploy/observability/dashboard.json")).unwrap();
    let mut shown = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            check(query);
            shown.extend(names(query));
        }
    }
    for Metric { name, .. } in metric::ALL {
        assert!(shown.iter().any(|series| series.starts_with(name)), "no panel shows {name}");
    }
}

#[test]
fn a_query_for_what_nobody_measures_is_found() {
    let found = std::panic::catch_unwind(|| check("rate(scribed_unheard_total[5m]) > 0"));
    assert!(found.is_err());
}
