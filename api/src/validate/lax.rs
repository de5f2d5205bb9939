//! Lax conversions: numbers and booleans as the original read them, from text and from JSON.

use serde_json::Value;

/// A value as it came.
pub(super) enum Raw<'a> {
    Text(&'a str),
    Json(&'a Value),
}

/// Why a value is no integer.
pub(super) enum NotAnInt {
    Text,
    Fraction,
    Kind,
}

/// Reads an integer from text: a sign, digits, perhaps `.0`; blanks around it are allowed.
///
/// A number beyond 64 bits is taken as the nearest one: it names nothing that exists anyway.
pub(super) fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let whole = text.split_once('.').map_or(Some(text), |(whole, zeros)| {
        zeros.bytes().all(|digit| digit == b'0').then_some(whole)
    })?;
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let bound = if whole.starts_with('-') { i64::MIN } else { i64::MAX };
    Some(whole.parse().unwrap_or(bound))
}

/// Reads an integer from a JSON value.
#[expect(clippy::cast_possible_truncation, reason = "`as` takes the nearest integer, as wanted")]
pub(super) fn json_int(value: &Value) -> Result<i64, NotAnInt> {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(whole),
            (None, Some(real)) if real.fract() == 0.0 => Ok(real as i64),
            _ => Err(NotAnInt::Fraction),
        },
        Value::Bool(flag) => Ok(i64::from(*flag)),
        Value::String(text) => parse_int(text).ok_or(NotAnInt::Text),
        _ => Err(NotAnInt::Kind),
    }
}

/// Why a value is no boolean.
pub(super) enum NotABool {
    Word,
    Kind,
}

/// Reads a boolean from text, a number or a JSON boolean.
pub(super) fn parse_bool(raw: &Raw<'_>) -> Result<bool, NotABool> {
    let text = match raw {
        Raw::Json(Value::Bool(flag)) => return Ok(*flag),
        Raw::Json(Value::Number(number)) => match number.as_f64() {
            Some(0.0) => return Ok(false),
            Some(1.0) => return Ok(true),
            _ => return Err(NotABool::Word),
        },
        Raw::Json(Value::String(text)) => text.as_str(),
        Raw::Json(_) => return Err(NotABool::Kind),
        Raw::Text(text) => text,
    };
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(NotABool::Word),
    }
}
