//! Formats: which of the forms that are made a client accepts (RFC 9110 §12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

use super::problem::{Answer, Problem};

/// Chooses the form that a client likes best; `default` is for one that takes anything or does not say.
pub(super) fn choose(
    headers: &HeaderMap,
    made: &'static [&'static str],
    default: Option<&'static str>,
) -> Answer<&'static str> {
    let accepts: Vec<&str> =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let accepts = accepts.join(", ");
    let chosen = if accepts.trim().is_empty() {
        default
    } else {
        wishes(&accepts).into_iter().find_map(|wish| match wish {
            "*/*" => default,
            wish => made.iter().copied().find(|form| form.eq_ignore_ascii_case(wish)),
        })
    };
    chosen.ok_or(Problem::NotAcceptable { accepts, allowed: made })
}

/// Returns the media types of a list, best liked first; those of weight 0 are not wanted.
fn wishes(accepts: &str) -> Vec<&str> {
    let weighed = accepts.split(',').map(|wish| {
        let mut parts = wish.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        (weight.unwrap_or(1.0), kind)
    });
    let mut wanted: Vec<(f32, &str)> = weighed.filter(|(weight, _)| *weight > 0.0).collect();
    wanted.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    wanted.into_iter().map(|(_, kind)| kind).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const MADE: &[&str] = &["application/vnd.rev.transcript.v1.0+json", "text/plain"];

    fn chosen(accept: &'static str, default: Option<&'static str>) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        choose(&headers, MADE, default).ok()
    }

    #[test]
    fn the_best_liked_form_that_is_made_is_chosen() {
        assert_eq!(chosen("text/plain", None), Some(MADE[1]));
        assert_eq!(chosen("Text/Plain; charset=utf-8", None), Some(MADE[1]));
        let both = "text/plain;q=0.5, application/vnd.rev.transcript.v1.0+json";
        assert_eq!(chosen(both, None), Some(MADE[0]));
        assert_eq!(chosen("image/png, */*;q=0.1", Some(MADE[0])), Some(MADE[0]));
    }

    #[test]
    fn who_takes_anything_gets_the_default_or_is_refused() {
        for anything in ["", "*/*"] {
            assert_eq!(chosen(anything, Some(MADE[0])), Some(MADE[0]));
            assert_eq!(chosen(anything, None), None);
        }
        for other in ["image/png", "application/json", "text/plain;q=0", "text"] {
            assert_eq!(chosen(other, Some(MADE[0])), None, "{other}");
        }
    }
}
