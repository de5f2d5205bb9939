//! `GET /jobs`: the caller's jobs of late, newest first.

use scribed_schemas::api_key::Scope;
use warp::Filter;

use super::dialect::Dialect;
use super::ownership;
use super::problem::{self, Answer, Parameters, Problem};
use super::view::View;
use crate::Api;
use crate::answer::{Answer as Shared, Success};
use crate::extract::{Caller, raw_query};
use crate::routes::Route;
use crate::validate::Query;

/// Jobs of a page when the client does not say, and at most, as documented.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

/// The route.
pub(super) fn route(api: &Api, dialect: Dialect) -> Route {
    dialect
        .base()
        .and(warp::path!("jobs"))
        .and(warp::get())
        .and(api.bearer(Scope::Read))
        .and(raw_query())
        .and(api.context())
        .then(move |caller, query, api| handle(dialect, caller, query, api))
        .map(move |answer| problem::respond(dialect, answer))
        .boxed()
}

async fn handle(dialect: Dialect, caller: Shared<Caller>, query: Query, api: Api) -> Answer {
    let owner = caller?.account.id;
    let limit = read_limit(query.get("limit"))?;
    let behind = match query.get("starting_after").filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => {
            let unknown = || Problem::parameter("starting_after", "There is no job with this id");
            let job = ownership::find(&api, owner, id).await?.ok_or_else(unknown)?;
            Some((job.created, job.id))
        }
    };
    let engine = &api.shared.engine;
    let since = engine.now().minus(dialect.window());
    let jobs = engine.store().jobs_since(owner, since, behind, limit).await?;
    let views: Vec<View> = jobs.iter().map(|job| View::of(job, dialect)).collect();
    Ok(Success::json(&views)?)
}

/// Reads how many jobs are asked for.
fn read_limit(given: Option<&str>) -> Answer<u32> {
    let Some(text) = given.filter(|text| !text.is_empty()) else { return Ok(DEFAULT_LIMIT) };
    let mut parameters = Parameters::default();
    let limit = text.trim().parse::<i64>();
    match limit {
        Ok(..1) => parameters.fault("limit", "The min value for limit is 1"),
        Ok(limit) if limit > i64::from(MAX_LIMIT) => {
            parameters.fault("limit", format!("The max value for limit is {MAX_LIMIT}"));
        }
        Ok(_) => {}
        Err(_) => parameters.fault("limit", "The limit must be an integer"),
    }
    parameters.finish(limit.ok().and_then(|limit| limit.try_into().ok()).unwrap_or(DEFAULT_LIMIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_from_1_to_1000() {
        let read = |text| read_limit(Some(text)).ok();
        assert_eq!((read("1"), read("1000"), read("")), (Some(1), Some(1_000), Some(100)));
        assert_eq!(read_limit(None).ok(), Some(100));
        for wrong in ["0", "1001", "-1", "ten", "1.5", "99999999999999999999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
