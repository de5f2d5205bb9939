//! How much the tests do: a short form for every day, a long one whose figures are kept.

/// Returns whether the long form is asked for, by `SCRIBED_TESTS_LONG=1`.
pub fn is_long() -> bool {
    std::env::var("SCRIBED_TESTS_LONG").is_ok_and(|value| value == "1")
}
