//! JSON whose objects name each member once.
//!
//! RFC 8259 §4 leaves open what a reader makes of a name that comes twice: of two ids one reader would
//! take the first, another the last. So such an event is refused, and its producer hears of it.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads a document.
///
/// # Errors
/// One sentence that says what is wrong, and where.
pub(super) fn read(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice::<Strict>(bytes).map(|Strict(value)| value).map_err(|e| e.to_string())
}

/// A value in which no name comes twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

/// Reads one value and those inside it; `serde_json` bounds how deep they may lie.
struct Reader;

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the member {name:?} comes twice")));
            }
            let value = members.next_value_seed(Self)?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_read_as_others_read_it() {
        for text in [
            r#"{"a": [1, -2, 3.5, "x\u00fc", null, true], "b": {"a": {}}, "c": 18446744073709551615}"#,
            "[]",
            r#""text""#,
            "1e300",
        ] {
            let usual: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read(text.as_bytes()).unwrap(), usual, "{text}");
        }
        assert_eq!(read(b" 7 ").unwrap(), json!(7));
    }

    #[test]
    fn a_name_that_comes_twice_is_refused_wherever_it_stands() {
        for text in [r#"{"id": 1, "id": 1}"#, r#"[{"x": {"id": 1, "a": 2, "\u0069d": 3}}]"#] {
            let refused = read(text.as_bytes()).unwrap_err();
            assert!(refused.contains(r#"the member "id" comes twice"#), "{refused}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused_and_does_no_harm() {
        let deep = "[".repeat(10_000);
        let long = "1".repeat(1_000);
        for text in ["", "{", "null null", "{\"a\": \u{1}}", &deep, &long] {
            read(text.as_bytes()).unwrap_err();
        }
        read(&[b'"', 0xff, b'"']).unwrap_err();
    }
}
