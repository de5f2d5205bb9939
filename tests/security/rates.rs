//! S11: rate limits hold, by account and by address, however a client disguises itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::blocking::Client as Http;
use scribed_tests::{Client, Daemon, Setup, say};
use serde_json::{Value, json};

use crate::raw::{Raw, ask, bearer, request};
use crate::{login, refresh, text};

/// What may come at once; one more comes a minute.
const BURST: u32 = 20;
/// Tries at the same time.
const AT_ONCE: u32 = 100;

/// Starts a daemon with limits on tries; a limit that is not named is off.
fn limited(limits: &[&str]) -> Setup {
    let mut setup = Setup::default();
    for name in limits {
        setup = setup.option(&format!("limits.{name}_burst"), BURST);
        let rate = if name.ends_with("tries") { "per_minute" } else { "per_second" };
        setup = setup.option(&format!("limits.{name}_{rate}"), 1);
    }
    // None is sent away for the sake of the processors.
    setup.option("auth.hash_concurrency", 4 * BURST)
}

/// What became of many tries at the same time.
#[derive(Debug)]
struct Outcome {
    statuses: BTreeMap<u16, u32>,
    took: Duration,
}

impl Outcome {
    /// Makes all tries at the same time, and insists that each refusal is as the description says.
    #[track_caller]
    fn of(tries: u32, one: impl Fn(u32) -> Raw + Sync) -> Self {
        let begin = Instant::now();
        let answers: Vec<Raw> = std::thread::scope(|scope| {
            let one = &one;
            let tries: Vec<_> = (0..tries).map(|number| scope.spawn(move || one(number))).collect();
            tries.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        let mut statuses = BTreeMap::new();
        for answer in &answers {
            *statuses.entry(answer.status).or_insert(0) += 1;
            if answer.status == 429 {
                is_told_when(answer);
            }
        }
        Self { statuses, took: begin.elapsed() }
    }

    fn count(&self, status: u16) -> u32 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// Insists that the whole burst was let in, and what its rate gave meanwhile, and no more.
    #[track_caller]
    fn is_the_limit(&self, what: &str, status: u16, period: Duration) {
        let (admitted, refused) = (self.count(status), self.count(429));
        let more = u32::try_from(self.took.as_nanos() / period.as_nanos()).unwrap() + 1;
        say(&format!("{what}: {admitted} of {} let in, the limit is {BURST}", admitted + refused));
        assert!((BURST..=BURST + more).contains(&admitted), "{what}: {:?}", self.statuses);
        assert!(refused > 0 && self.statuses.len() == 2, "{what}: {:?}", self.statuses);
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Insists that a refusal says when to come again, in the shape of its surface.
#[track_caller]
fn is_told_when(answer: &Raw) {
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{answer:?}");
    let expected = json!({"detail": format!("Too many requests. Try again in {wait} s.")});
    assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), expected);
    assert_eq!(answer.header("content-type"), "application/json");
}

/// Returns header lines in which a client says that it is somebody else each time.
pub(crate) fn disguise(number: u32) -> Vec<String> {
    let address = format!("203.0.{}.{}", number / 250, number % 250);
    vec![
        format!("X-Forwarded-For: {address}"),
        format!("X-Forwarded-For: {address}, 2001:db8:{number:x}::1"),
        format!("Forwarded: for={address}"),
        format!("X-Real-IP: {address}"),
        format!("True-Client-IP: {address}"),
        format!("User-Agent: client {number}"),
    ]
}

/// Returns a name with some letters in the other case.
pub(crate) fn in_other_case(name: &str, number: u32) -> String {
    let flipped = |(at, c): (usize, char)| {
        if (number >> (at % 7)) & 1 == 1 { c.to_ascii_uppercase() } else { c }
    };
    name.chars().enumerate().map(flipped).collect()
}

/// Makes a name of letters out of a number.
fn name_of(prefix: &str, number: u32) -> String {
    let letters = number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
    [prefix.to_owned(), letters].concat()
}

/// Posts a name and a wrong password to a path, with a slash at its end or without.
fn try_with(daemon: &Daemon, path: &str, name: &str, number: u32, lines: &[String]) -> Raw {
    let body = json!({"username": name, "password": "Wrong_Secret_1"}).to_string();
    let path = if number.is_multiple_of(3) { format!("{path}/") } else { path.to_owned() };
    let path = if number.is_multiple_of(2) { format!("{path}?n={number}") } else { path };
    ask(daemon.base(), &request("POST", &path, lines, body.as_bytes()))
}

#[test]
fn an_account_has_its_limit_in_every_spelling_and_from_every_address() {
    let daemon = limited(&["account_tries"]).start();
    let outcome = Outcome::of(AT_ONCE, |number| {
        let name = in_other_case("somebody", number);
        try_with(&daemon, "/auth/login", &name, number, &disguise(number))
    });
    outcome.is_the_limit("logins of one account", 401, MINUTE);
    let outcome = Outcome::of(AT_ONCE, |number| {
        let name = in_other_case("somebody", number);
        try_with(&daemon, "/auth/register", &name, number, &disguise(number))
    });
    // Other spellings are other accounts, so most are new.
    let registered = outcome.count(201) + outcome.count(409);
    say(&format!(
        "registrations of one name: {registered} of {AT_ONCE} let in, the limit is {BURST}"
    ));
    assert!((BURST..=BURST + 1).contains(&registered), "{outcome:?}");
    let _other = Client::register(daemon.base());
}

#[test]
fn letters_that_only_look_like_a_name_are_no_name() {
    let daemon = limited(&["account_tries", "address_tries"]).start();
    let names = [
        "ｓomebody",       // a letter of full width
        "ſomebody",        // a long s
        "sоmebody",        // a Cyrillic o
        "some\u{301}body", // a combining mark
        "somebo\u{200b}dy",
        "\u{feff}somebody",
        "somebody ",
        "somebody\u{0}",
        "ⓢomebody",
        "SOMEBODY\u{307}",
    ];
    for (number, name) in (0..).zip(names) {
        let answer = try_with(&daemon, "/auth/login", name, number, &[]);
        assert_eq!(answer.status, 422, "{name:?}: {answer:?}");
    }
    say(&format!("{} names that only look alike: none comes to a password", names.len()));
}

#[test]
fn an_address_has_its_limit_whatever_it_says_and_whoever_it_tries() {
    let daemon = limited(&["address_tries"]).start();
    let outcome = Outcome::of(AT_ONCE, |number| {
        let name = name_of("somebody", number);
        try_with(&daemon, "/auth/login", &name, number, &disguise(number))
    });
    outcome.is_the_limit("logins from one address", 401, MINUTE);
    // Other methods log nobody in, and open no way around.
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let body = json!({"username": "somebody", "password": crate::PASSWORD}).to_string();
        let answer = ask(daemon.base(), &request(method, "/auth/login", &[], body.as_bytes()));
        assert_eq!(answer.status, 405, "{method}");
    }
    let override_method = ["X-HTTP-Method-Override: POST".to_owned()];
    let answer = ask(daemon.base(), &request("PUT", "/auth/login", &override_method, b"{}"));
    assert_eq!(answer.status, 405);
    // A body that is none counts too, and each kind of try for itself.
    let broken = |path: &str| ask(daemon.base(), &request("POST", path, &[], b"{"));
    assert_eq!(broken("/auth/login").status, 429);
    let outcome = Outcome::of(AT_ONCE, |_| broken("/auth/refresh"));
    outcome.is_the_limit("renewals from one address", 422, MINUTE);
    let outcome = Outcome::of(AT_ONCE, |_| broken("/auth/register"));
    outcome.is_the_limit("registrations from one address", 422, MINUTE);
}

#[test]
fn behind_a_trusted_proxy_each_network_has_its_limit() {
    let setup = limited(&["address_tries"]);
    let setup = setup.variable("SCRIBED_HTTP__TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    let daemon = setup.start();
    let from = |path: &str, address: &str, number: u32| {
        // What stands before the address of our proxy is the client's own word.
        let line = format!("X-Forwarded-For: 198.51.100.{number}, {address}");
        ask(daemon.base(), &request("POST", path, &[line], b"{"))
    };
    let outcome = Outcome::of(AT_ONCE, |number| {
        from("/auth/login", &format!("2001:db8:1:2:{number:x}:{number:x}::1"), number)
    });
    outcome.is_the_limit("addresses of one IPv6 /64", 422, MINUTE);
    let outcome = Outcome::of(AT_ONCE, |number| {
        let forms = ["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:C000:207"];
        from("/auth/login", forms[number as usize % forms.len()], number)
    });
    outcome.is_the_limit("one IPv4 address in its forms", 422, MINUTE);
    let outcome = Outcome::of(BURST, |number| {
        from("/auth/login", &format!("2001:db8:1:{:x}::1", number + 3), number)
    });
    assert_eq!(outcome.count(422), BURST, "others have their own: {outcome:?}");
}

#[test]
fn the_tokens_of_an_account_are_renewed_no_oftener_than_its_limit() {
    let daemon = limited(&["account_tries"]).start();
    let client = Client::register(daemon.base());
    let mut tokens: Vec<String> =
        (0..4).map(|_| text(&login(&client), "refresh_token").to_owned()).collect();
    let mut renewed = 0;
    let begin = Instant::now();
    'tries: loop {
        for token in &mut tokens {
            let answer = refresh(&client, token);
            if answer.status == 429 {
                // A token that was refused is not used up.
                break 'tries;
            }
            *token = text(&answer.status(200).json(), "refresh_token").to_owned();
            renewed += 1;
        }
    }
    let more = u32::try_from(begin.elapsed().as_secs() / 60).unwrap() + 1;
    say(&format!("renewals of one account: {renewed} let in, the limit is {BURST}"));
    assert!((BURST..=BURST + more).contains(&renewed), "{renewed}");
    let _other = refresh(&Client::register(daemon.base()), "no token").status(401);
}

#[test]
fn requests_have_a_limit_where_one_is_set_also_over_one_http_2_connection() {
    let daemon = limited(&["address_requests"]).start();
    let outcome = Outcome::of(AT_ONCE, |number| {
        let paths = ["/livez", "/livez/", "/auth/info", "/nowhere", "/LIVEZ", "/auth/login"];
        let path = paths[number as usize % paths.len()];
        let answer = ask(daemon.base(), &request("GET", path, &disguise(number), b""));
        // What was asked for does not matter here.
        Raw { status: if answer.status == 429 { 429 } else { 200 }, ..answer }
    });
    outcome.is_the_limit("requests from one address", 200, SECOND);

    let daemon = limited(&["address_requests"]).start();
    let http = Http::builder().http2_prior_knowledge().build().unwrap();
    let outcome = Outcome::of(AT_ONCE, |number| over_http_2(&http, &daemon, number));
    outcome.is_the_limit("streams of HTTP/2 from one address", 200, SECOND);
}

/// Asks for a sign of life over a connection that all share.
fn over_http_2(http: &Http, daemon: &Daemon, number: u32) -> Raw {
    let request = http.request(Method::GET, format!("{}/livez", daemon.base()));
    let answer = request.header("X-Forwarded-For", format!("203.0.113.{number}")).send().unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    let lines = answer.headers().iter();
    let lines = lines.map(|(name, value)| format!("\r\n{name}: {}", value.to_str().unwrap()));
    let (status, head) = (answer.status().as_u16(), lines.collect());
    Raw { status, head, body: answer.text().unwrap() }
}

#[test]
fn an_account_has_its_limit_of_requests_with_all_its_tokens() {
    let daemon = limited(&["account_requests"]).start();
    let client = Client::register(daemon.base());
    let tokens: Vec<String> =
        (0..5).map(|_| text(&login(&client), "access_token").to_owned()).collect();
    let outcome = Outcome::of(AT_ONCE, |number| {
        let mut lines = disguise(number);
        lines.push(bearer(&tokens[number as usize % tokens.len()]));
        let path = if number.is_multiple_of(2) { "/auth/info" } else { "/transcriptions/" };
        ask(daemon.base(), &request("GET", path, &lines, b""))
    });
    outcome.is_the_limit("requests of one account", 200, SECOND);
    let other = Client::register(daemon.base());
    let _mine = other.get("/auth/info").status(200);
    // A forged token is nobody's, and uses up nothing.
    for _ in 0..2 * BURST {
        let _refused =
            other.with_token(&format!("{}x", other.token())).get("/auth/info").status(401);
    }
    let _mine = other.get("/auth/info").status(200);
}

#[test]
fn the_limits_that_are_set_by_themselves_let_a_person_in_and_stop_a_program() {
    let mut setup = Setup::default();
    let limits = [
        ("account_tries_per_minute", 10),
        ("account_tries_burst", 30),
        ("address_tries_per_minute", 120),
        ("address_tries_burst", 300),
    ];
    // Those of the manual, which the configuration of the other tests takes off.
    let manual = std::fs::read_to_string(scribed_tests::build::root().join("deploy/scribed.toml"));
    let manual = manual.unwrap();
    for (name, value) in limits {
        assert!(manual.contains(&format!("\n{name} = {value}\n")), "{name}");
        setup = setup.option(&format!("limits.{name}"), value);
    }
    let daemon = setup.start();
    let client = daemon.client();
    for _ in 0..20 {
        let _pair = login(&client);
    }
    for _ in 0..2_000 {
        let _mine = client.get("/auth/info").status(200);
    }
    let outcome = Outcome::of(400, |number| {
        try_with(&daemon, "/auth/refresh", &name_of("a", number), number, &[])
    });
    say(&format!("renewals from one address with the defaults: {:?}", outcome.statuses));
    let most = 300 + 2 * u32::try_from(outcome.took.as_secs() + 1).unwrap();
    assert!((300..=most).contains(&outcome.count(422)), "{outcome:?}");
}
