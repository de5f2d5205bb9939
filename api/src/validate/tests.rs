//! Lax conversions, and faults in order with place and text.

use super::*;

fn body(value: Value) -> Document {
    match value {
        Value::Object(map) => Document::Object(map),
        _ => Document::Other,
    }
}

/// Reads `field` of a body as an integer and returns its value or the kind of the fault.
#[track_caller]
fn check_int(value: &Value, expected: Result<i64, &str>) {
    let shown = value.to_string();
    let document = body(json!({ "field": value }));
    let mut checks = Checks::default();
    let read = document.fields(&mut checks).and_then(|f| f.int(&mut checks, "field"));
    let found = read.ok_or_else(|| checks.faults[0].kind);
    assert_eq!(found, expected, "{shown}");
}

#[test]
fn integers_are_read_as_laxly_as_the_original_did() {
    check_int(&json!(7), Ok(7));
    check_int(&json!(7.0), Ok(7));
    check_int(&json!(" -7 "), Ok(-7));
    check_int(&json!("7.00"), Ok(7));
    check_int(&json!(true), Ok(1));
    check_int(&json!(u64::MAX), Ok(i64::MAX));
    check_int(&json!("99999999999999999999"), Ok(i64::MAX));
    check_int(&json!(7.5), Err("int_from_float"));
    check_int(&json!("7.5"), Err("int_parsing"));
    check_int(&json!("seven"), Err("int_parsing"));
    check_int(&json!(""), Err("int_parsing"));
    check_int(&json!([7]), Err("int_type"));
    check_int(&json!(null), Err("int_type"));
}

#[test]
fn every_fault_is_listed_in_order_with_place_and_text() {
    let query = Query::parse("page=0&size=many&format=pdf");
    let (mut checks, fields) = (Checks::default(), query.fields());
    assert_eq!(fields.optional_int(&mut checks, "page", 1), Err(Faulty));
    assert_eq!(fields.optional_int(&mut checks, "size", 1), Err(Faulty));
    assert_eq!(fields.int(&mut checks, "task_id"), None);
    assert_eq!(fields.literal(&mut checks, "format", &["doc", "txt"]), None);
    let expected = json!([
        {"type": "greater_than_equal", "loc": ["query", "page"], "ctx": {"ge": 1},
         "msg": "Input should be greater than or equal to 1"},
        {"type": "int_parsing", "loc": ["query", "size"],
         "msg": "Input should be a valid integer, unable to parse string as an integer"},
        {"type": "missing", "loc": ["query", "task_id"], "msg": "Field required"},
        {"type": "literal_error", "loc": ["query", "format"],
         "ctx": {"expected": "'doc' or 'txt'"}, "msg": "Input should be 'doc' or 'txt'"},
    ]);
    assert_eq!(json!(checks.faults), expected);
}

#[test]
fn a_body_without_fields_is_told_apart_from_none() {
    let mut checks = Checks::default();
    assert!(Document::Absent.fields(&mut checks).is_none());
    assert!(Document::Other.fields(&mut checks).is_none());
    let kinds: Vec<_> = checks.faults.iter().map(|f| (f.kind, f.loc.clone())).collect();
    let place = vec![json!("body")];
    assert_eq!(kinds, [("missing", place.clone()), ("model_attributes_type", place)]);
}

#[test]
fn null_and_absence_are_the_same_where_a_field_is_optional() {
    let document = body(json!({ "a": null, "b": "YES", "c": 2, "d": [] }));
    let mut checks = Checks::default();
    let fields = document.fields(&mut checks).unwrap();
    assert_eq!(fields.optional_bool(&mut checks, "a"), Ok(None));
    assert_eq!(fields.optional_bool(&mut checks, "z"), Ok(None));
    assert_eq!(fields.optional_bool(&mut checks, "b"), Ok(Some(true)));
    assert_eq!(fields.optional_bool(&mut checks, "c"), Err(Faulty));
    assert_eq!(fields.optional_bool(&mut checks, "d"), Err(Faulty));
    let kinds: Vec<_> = checks.faults.iter().map(|f| f.kind).collect();
    assert_eq!(kinds, ["bool_parsing", "bool_type"]);
}

#[test]
fn the_last_of_a_repeated_parameter_counts_and_unknown_ones_do_not() {
    let query = Query::parse("page=1&?size=100000000&page=3&skip=0");
    let mut checks = Checks::default();
    assert_eq!(query.fields().optional_int(&mut checks, "page", 1), Ok(Some(3)));
    assert_eq!(query.fields().optional_int(&mut checks, "size", 1), Ok(None));
}
