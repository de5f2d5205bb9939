//! Encryption and authentication: who is let in, and what others are told.
//!
//! The listeners are those that `tests/services/kafka up --sasl --tls` opens.

use std::path::PathBuf;

use scribed_bus::conformance::message;
use scribed_bus::kafka::config::{Config, Mechanism, Sasl, Security};
use scribed_bus::{Bus, KafkaBus};
use scribed_schemas::secret::Secret;

use crate::settings;

/// Returns a variable of the cluster, if it is set.
fn variable(name: &str) -> Option<String> {
    std::env::var(format!("SCRIBED_TEST_KAFKA_{name}")).ok().filter(|text| !text.is_empty())
}

/// Returns the settings of a test for one of the listeners, if it is open.
async fn at(test: &str, listener: &str, security: Security) -> Option<Config> {
    let brokers = variable(listener)?.split(',').map(str::to_owned).collect();
    let config = settings(test).await?;
    Some(Config { brokers, security, answer_timeout_ms: 10_000, ..config })
}

fn certificate(name: &str) -> Option<PathBuf> {
    variable("CERTIFICATES").map(|folder| PathBuf::from(folder).join(name))
}

fn login(mechanism: Mechanism, password: &str) -> Sasl {
    let username = variable("USER").unwrap_or_default();
    Sasl { mechanism, username, password: Some(Secret::new(password)), password_file: None }
}

/// Publishes and consumes one message.
async fn used(config: Config) {
    let bus = KafkaBus::new(config).expect("the settings are right");
    bus.publish("topic", message(7)).await.expect("the brokers take it");
    let mut consumer = bus.subscribe("topic", "group").await.expect("the topic is there");
    assert_eq!(consumer.next().await.expect("it delivers").message, message(7));
}

/// Returns what is said to somebody who is not let in.
async fn refused(config: Config) -> String {
    let bus = KafkaBus::new(config).expect("the settings are right");
    let error = bus.check_topics(&["topic"]).await.expect_err("it is not let in");
    let causes = std::iter::successors(std::error::Error::source(&error), |e| e.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

#[tokio::test]
async fn every_mechanism_lets_in_who_knows_the_password() {
    let password = variable("PASSWORD").unwrap_or_default();
    for (test, mechanism) in [
        ("plain", Mechanism::Plain),
        ("scram256", Mechanism::ScramSha256),
        ("scram512", Mechanism::ScramSha512),
    ] {
        let security = Security { sasl: Some(login(mechanism, &password)), ..Security::default() };
        let Some(config) = at(test, "SASL", security).await else { return };
        used(config).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_never_repeated() {
    let sasl = Some(login(Mechanism::ScramSha512, "hunter2-is-wrong"));
    let security = Security { sasl, ..Security::default() };
    let Some(config) = at("wrong", "SASL", security).await else { return };
    let said = refused(config).await;
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn tls_with_our_certificate_is_used() {
    let security = Security {
        tls: true,
        ca: certificate("ca.pem"),
        certificate: certificate("client.pem"),
        key: certificate("client.key"),
        ..Security::default()
    };
    let Some(config) = at("tls", "TLS", security).await else { return };
    used(config).await;
}

#[tokio::test]
async fn a_stranger_s_certificate_is_refused() {
    let security = Security {
        tls: true,
        ca: certificate("ca.pem"),
        certificate: certificate("stranger.pem"),
        key: certificate("stranger.key"),
        ..Security::default()
    };
    let Some(config) = at("stranger", "TLS", security).await else { return };
    refused(config).await;
}

#[tokio::test]
async fn brokers_that_a_stranger_vouches_for_are_not_trusted() {
    let security =
        Security { tls: true, ca: certificate("stranger-ca.pem"), ..Security::default() };
    let Some(config) = at("vouched", "SASL_TLS", security).await else { return };
    refused(config).await;
}

#[tokio::test]
async fn a_login_over_tls_needs_no_certificate() {
    let sasl = Some(login(Mechanism::Plain, &variable("PASSWORD").unwrap_or_default()));
    let security = Security { tls: true, ca: certificate("ca.pem"), sasl, ..Security::default() };
    let Some(config) = at("both", "SASL_TLS", security).await else { return };
    used(config).await;
}
