//! S2: a refresh token works once; a second use ends its family, a new password every session.

use scribed_tests::{Client, Daemon, say};
use serde_json::json;

use crate::{login, refresh, text};

/// Families of which a token is used twice.
const FAMILIES: usize = 100;
/// Uses of one token at the same time.
const AT_ONCE: usize = 50;
/// How often that is tried.
const ROUNDS: usize = 4;

/// Returns the refresh token of a new family.
#[track_caller]
fn family(client: &Client) -> String {
    text(&login(client), "refresh_token").to_owned()
}

/// Exchanges a token and returns the next one.
#[track_caller]
fn next(client: &Client, token: &str) -> String {
    text(&refresh(client, token).status(200).json(), "refresh_token").to_owned()
}

#[track_caller]
fn is_over(client: &Client, token: &str) {
    assert_eq!(refresh(client, token).status(401).detail(), "Invalid or expired token");
}

#[test]
fn a_token_that_comes_twice_ends_its_family_and_no_other() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let other = family(&client);
    for number in 0..FAMILIES {
        let first = family(&client);
        // A thief may come late: the token is one, two or three exchanges old.
        let mut newest = next(&client, &first);
        for _ in 0..number % 3 {
            newest = next(&client, &newest);
        }
        is_over(&client, &first);
        is_over(&client, &newest);
        is_over(&client, &first);
    }
    say(&format!("{FAMILIES} of {FAMILIES} families ended by reuse"));
    next(&client, &other);
}

#[test]
fn of_many_uses_at_once_exactly_one_succeeds() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    for _ in 0..ROUNDS {
        let token = family(&client);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let uses = [(); AT_ONCE].map(|()| scope.spawn(|| refresh(&client, &token)));
            uses.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let (good, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(good.len(), 1, "one of {AT_ONCE} succeeds");
        for answer in refused {
            assert_eq!(answer.status(401).detail(), "Invalid or expired token");
        }
        // One of them was a thief, and nobody can tell which.
        is_over(&client, text(&good[0].json(), "refresh_token"));
    }
}

#[test]
fn a_new_password_ends_every_session_of_the_account() {
    let daemon = Daemon::shared();
    let bystander = daemon.client();
    let untouched = family(&bystander);
    let by_route = |client: &Client| {
        let token = daemon.secret("admin-token");
        let path = format!("/auth/patch?user_id={}&secret_admin_token={token}", client.id());
        let change = client.request(reqwest::Method::PATCH, &path);
        let change = change.json(&json!({"password": "Another_456"}));
        let _changed = scribed_tests::client::send(change).status(200);
    };
    let by_command = |client: &Client| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "Another_456\n").unwrap();
        let run = daemon.program();
        run.run(["account", "set", &client.name, "--password-file", &file.display().to_string()])
            .code(0);
    };
    let changes: [&dyn Fn(&Client); 2] = [&by_route, &by_command];
    for change in changes {
        let client = daemon.client();
        let sessions: Vec<_> = (0..5).map(|_| login(&client)).collect();
        change(&client);
        for session in &sessions {
            is_over(&client, text(session, "refresh_token"));
            let opened = client.with_token(text(session, "access_token")).get("/auth/info");
            assert_eq!(opened.status(401).detail(), "Invalid or expired token");
        }
        let old = json!({"username": client.name, "password": crate::PASSWORD});
        let _refused = client.post_json("/auth/login", &old).status(401);
    }
    next(&bystander, &untouched);
}

#[test]
fn an_account_that_is_blocked_has_no_session() {
    let daemon = Daemon::shared();
    let client = daemon.client();
    let session = login(&client);
    let block = |active: &str| {
        daemon.program().run(["account", "set", &client.name, "--active", active]).code(0);
    };
    block("false");
    let answers = [
        refresh(&client, text(&session, "refresh_token")),
        client.get("/auth/info"),
        client.upload_bytes("a.wav", crate::busy::recording()),
        client.post_json(
            "/auth/login",
            &json!({"username": client.name, "password": crate::PASSWORD}),
        ),
    ];
    for answer in answers {
        assert_eq!(answer.status(401).detail(), "Your account is blocked");
    }
    block("true");
    let _back = client.get("/auth/info").status(200);
}
