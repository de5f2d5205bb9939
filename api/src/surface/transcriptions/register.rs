//! `POST /auth/register`: make an account.

use scribed_schemas::account::{Account, Role};
use scribed_schemas::id::AccountId;
use scribed_store::ErrorKind;
use warp::Filter;

use super::credentials::{self, Credentials};
use super::view::User;
use crate::Api;
use crate::answer::{Answer, Refusal, Success, respond};
use crate::rate::Client;
use crate::routes::Route;

/// The route.
pub(super) fn route(api: &Api) -> Route {
    warp::path!("auth" / "register")
        .and(warp::post())
        .and(Api::client())
        .and(api.query_and_json(credentials::read))
        .and(api.context())
        .then(handle)
        .map(respond)
        .boxed()
}

async fn handle(client: Client, credentials: Answer<Credentials>, api: Api) -> Answer {
    let rate = &api.shared.rates.registrations;
    rate.count_address(client)?;
    let Credentials { username, password } = credentials?;
    rate.count_name(&username)?;
    let settings = &api.shared.config;
    if !settings.auth.open_registration {
        return Err(Refusal::Forbidden("Registration is closed; ask the operator for an account."));
    }
    let password_hash = api.shared.hasher.hash(password).await?;
    let engine = &api.shared.engine;
    let now = engine.now();
    let account = Account {
        id: AccountId(engine.new_id()),
        username: username.clone(),
        password_hash,
        role: Role::User,
        active: true,
        can_interact: settings.auth.default_can_interact,
        holds_jobs: false,
        password_epoch: 0,
        created: now,
        updated: now,
    };
    let view = User::of(&account, &settings.surface.transcriptions);
    match engine.store().create_account(account).await {
        Ok(()) => Success::created(&view),
        Err(error) if error.kind == ErrorKind::Conflict => {
            Err(Refusal::Conflict(format!("User '{username}' already exists")))
        }
        Err(error) => Err(error.into()),
    }
}
