//! From settings to librdkafka: what every client gets, what each kind gets, and which options of the
//! operator's are refused because a promise of the bus hangs on them.

use std::collections::BTreeMap;
use std::fs;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use super::config::{Config, OptionValue, Sasl};
use crate::{Error, Result};

/// Options that an operator may set only so, and why. No value: ours is made of another setting.
const FIXED: &[(&str, &[&str], &str)] = &[
    ("bootstrap.servers", &[], "it is made of `brokers`"),
    ("metadata.broker.list", &[], "it is made of `brokers`"),
    ("client.id", &[], "it is made of `client_id`"),
    ("group.id", &[], "it is made of `groups`"),
    ("group.instance.id", &[], "it is made of `host_id`"),
    ("security.protocol", &[], "it is made of `security.tls` and `security.sasl`"),
    ("sasl.mechanism", &[], "it is made of `security.sasl`"),
    ("sasl.mechanisms", &[], "it is made of `security.sasl`"),
    ("sasl.username", &[], "it is made of `security.sasl`"),
    ("sasl.password", &[], "it is made of `security.sasl`, which hides it"),
    ("ssl.ca.location", &[], "it is made of `security.ca`"),
    ("ssl.certificate.location", &[], "it is made of `security.certificate`"),
    ("ssl.key.location", &[], "it is made of `security.key`"),
    ("ssl.key.password", &[], "it is made of `security.key_password`, which hides it"),
    ("ssl.key.pem", &[], "it would be shown where settings are listed; use `security.key`"),
    ("ssl.keystore.password", &[], "it would be shown where settings are listed"),
    ("sasl.oauthbearer.client.secret", &[], "it would be shown where settings are listed"),
    ("enable.ssl.certificate.verification", &["true"], "anybody could pose as the broker"),
    ("enable.auto.commit", &["false"], "events would be committed before their jobs are done"),
    (
        "enable.auto.offset.store",
        &["false"],
        "events would be committed before their jobs are done",
    ),
    ("auto.offset.reset", &["earliest", "smallest", "beginning"], "a new group would skip events"),
    ("enable.partition.eof", &["false"], "the end of a partition is no event"),
    (
        "partition.assignment.strategy",
        &["cooperative-sticky"],
        "a group with several strategies stops",
    ),
    ("allow.auto.create.topics", &["false"], "a misspelt name would become a topic"),
    ("enable.idempotence", &["true"], "a lost answer of a broker would double messages"),
    ("acks", &["all", "-1"], "what is published must outlive a broker"),
    ("request.required.acks", &["all", "-1"], "what is published must outlive a broker"),
    ("delivery.report.only.error", &["false"], "a publication would never end"),
    ("transactional.id", &[], "nothing here is transactional"),
    ("test.mock.num.brokers", &[], "what a mock is given is lost"),
];

/// Options of every client of ours.
const COMMON: &[(&str, &str)] = &[
    ("allow.auto.create.topics", "false"),
    ("socket.keepalive.enable", "true"),
    // Connection attempts are cheap, a broker that is back unnoticed is not.
    ("reconnect.backoff.max.ms", "5000"),
];

/// Options of consumers.
const CONSUMER: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
    ("check.crcs", "true"),
    // How far we are behind is measured from it.
    ("statistics.interval.ms", "15000"),
    ("max.poll.interval.ms", "300000"),
    // What waits in each partition whose window is full: at most one fetch past either limit. A fetch is
    // counted as it travels, and events of some hundred bytes shrink to a tenth: with 256 KiB a million
    // of them in twelve partitions cost a daemon 55 MiB, with 16 KiB one. A larger event comes alone.
    ("queued.min.messages", "200"),
    ("queued.max.messages.kbytes", "64"),
    ("fetch.message.max.bytes", "16384"),
    // How soon a partition that had enough is fetched again; 1 s by default.
    ("fetch.queue.backoff.ms", "10"),
];

/// Options of consumers that the protocol of KIP-848 does not take from the client.
const CLASSIC: &[(&str, &str)] =
    &[("partition.assignment.strategy", "cooperative-sticky"), ("session.timeout.ms", "45000")];

/// Options of producers.
const PRODUCER: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("message.timeout.ms", "120000"),
    ("compression.type", "lz4"),
    // An event of the largest size that brokers take by default, and a dead letter's headers.
    ("message.max.bytes", "2097152"),
    // Every publication is awaited: waiting for company would only delay it.
    ("linger.ms", "0"),
    // As Kafka's own clients do, so that a key of theirs and of ours meets in one partition.
    ("partitioner", "murmur2_random"),
];

/// Refuses options that break a promise or belong to another setting.
pub(super) fn check(options: &BTreeMap<String, OptionValue>) -> Result<()> {
    for (name, value) in options {
        let value = value.to_string();
        let fixed = FIXED.iter().find(|(fixed, ..)| fixed == name);
        if let Some((_, allowed, why)) = fixed
            && !allowed.contains(&value.as_str())
        {
            return Err(Error::new(format!("use the Kafka option `{name}` so: {why}")));
        }
    }
    Ok(())
}

/// Returns what a producer is made of; it also asks about topics and makes them.
pub(super) fn producer(config: &Config) -> Result<ClientConfig> {
    let mut client = common(config)?;
    set(&mut client, PRODUCER);
    add(&mut client, config);
    Ok(client)
}

/// Returns what a consumer of a group is made of, static under `instance`.
pub(super) fn consumer(
    config: &Config,
    group: &str,
    instance: Option<&str>,
) -> Result<ClientConfig> {
    let mut client = common(config)?;
    client.set("group.id", config.group(group));
    if let Some(instance) = instance {
        client.set("group.instance.id", instance);
    }
    set(&mut client, CONSUMER);
    let protocol = config.options.get("group.protocol").map(OptionValue::to_string);
    if protocol.is_none_or(|protocol| protocol.eq_ignore_ascii_case("classic")) {
        set(&mut client, CLASSIC);
    }
    add(&mut client, config);
    Ok(client)
}

fn common(config: &Config) -> Result<ClientConfig> {
    let mut client = ClientConfig::new();
    client.set_log_level(RDKafkaLogLevel::Info);
    client.set("bootstrap.servers", config.brokers.join(","));
    client.set("client.id", &config.client_id);
    set(&mut client, COMMON);
    let security = &config.security;
    let protocol = match (security.tls, &security.sasl) {
        (false, None) => "plaintext",
        (true, None) => "ssl",
        (false, Some(_)) => "sasl_plaintext",
        (true, Some(_)) => "sasl_ssl",
    };
    client.set("security.protocol", protocol);
    if security.tls {
        // OpenSSL is built along and knows no folder of the system's: the usual places are tried.
        let ca = security.ca.as_ref().map_or("probe".into(), |ca| ca.to_string_lossy());
        client.set("ssl.ca.location", ca);
    }
    let files =
        [("ssl.certificate.location", &security.certificate), ("ssl.key.location", &security.key)];
    for (name, file) in files {
        if let Some(file) = file {
            client.set(name, file.to_string_lossy());
        }
    }
    if let Some(password) = &security.key_password {
        client.set("ssl.key.password", password.expose());
    }
    if let Some(sasl) = &security.sasl {
        client.set("sasl.mechanism", sasl.mechanism.as_str());
        client.set("sasl.username", &sasl.username);
        client.set("sasl.password", password(sasl)?);
    }
    Ok(client)
}

fn set(client: &mut ClientConfig, options: &[(&str, &str)]) {
    for (name, value) in options {
        client.set(*name, *value);
    }
}

fn add(client: &mut ClientConfig, config: &Config) {
    for (name, value) in &config.options {
        client.set(name, value.to_string());
    }
}

fn password(sasl: &Sasl) -> Result<String> {
    if let Some(password) = &sasl.password {
        return Ok(password.expose().to_owned());
    }
    let Some(file) = &sasl.password_file else {
        return Err(Error::new("use the Kafka setting `security.sasl`: there is no password"));
    };
    let read = fs::read_to_string(file);
    let text = read.map_err(|error| {
        Error::caused(format!("read the password of Kafka from {}", file.display()), error)
    })?;
    Ok(text.strip_suffix('\n').map_or(text.as_str(), |text| text.trim_end_matches('\r')).to_owned())
}

/// Says why a client cannot be made, without the value of the option, which may be a password.
pub(super) fn refusal(error: KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(_, why, name, _) => {
            Error::new(format!("use the Kafka option `{name}`: {why}"))
        }
        other => Error::caused("make a client of Kafka", other),
    }
}

#[cfg(test)]
mod tests {
    use scribed_schemas::secret::Secret;

    use super::*;
    use crate::kafka::config::{Mechanism, Security};

    fn with(options: &[(&str, &str)]) -> Config {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        let brokers = vec!["127.0.0.1:9".to_owned()];
        Config { brokers, options: options.collect(), ..Config::default() }
    }

    #[test]
    fn options_that_break_a_promise_are_refused_with_the_reason() {
        for (name, value, reason) in [
            ("enable.auto.commit", "true", "before their jobs are done"),
            ("enable.auto.offset.store", "true", "before their jobs are done"),
            ("auto.offset.reset", "latest", "skip events"),
            ("enable.idempotence", "false", "double"),
            ("acks", "1", "outlive a broker"),
            ("partition.assignment.strategy", "range", "several strategies"),
            ("sasl.password", "hunter2", "security.sasl"),
            ("group.id", "other", "groups"),
            ("transactional.id", "t", "transactional"),
        ] {
            let refused = with(&[(name, value)]).validate().unwrap_err().to_string();
            assert!(refused.contains(name) && refused.contains(reason), "{refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        with(&[("acks", "all"), ("linger.ms", "5")]).validate().expect("these keep the promises");
    }

    #[test]
    fn options_of_the_operator_win_over_ours() {
        let config = with(&[("max.poll.interval.ms", "6000"), ("compression.type", "gzip")]);
        let consumer = consumer(&config, "scribed", Some("host.topic.0")).unwrap();
        assert_eq!(consumer.get("max.poll.interval.ms"), Some("6000"));
        assert_eq!(consumer.get("group.instance.id"), Some("host.topic.0"));
        assert_eq!(consumer.get("partition.assignment.strategy"), Some("cooperative-sticky"));
        assert_eq!(producer(&config).unwrap().get("compression.type"), Some("gzip"));
    }

    #[test]
    fn the_newer_group_protocol_gets_no_settings_of_the_classic_one() {
        let consumer = consumer(&with(&[("group.protocol", "consumer")]), "scribed", None).unwrap();
        assert_eq!(consumer.get("partition.assignment.strategy"), None);
        assert_eq!(consumer.get("session.timeout.ms"), None);
    }

    #[test]
    fn security_becomes_the_protocol_and_a_password_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        fs::write(&file, "hunter2\r\n").unwrap();
        let sasl = Sasl {
            mechanism: Mechanism::ScramSha256,
            username: "asr".to_owned(),
            password: None,
            password_file: Some(file.clone()),
        };
        let security = Security {
            tls: true,
            key_password: Some(Secret::new("hunter1")),
            sasl: Some(sasl),
            ..Security::default()
        };
        let mut config = Config { security, ..with(&[]) };
        config.validate().unwrap();
        let client = producer(&config).unwrap();
        for (name, value) in [
            ("security.protocol", "sasl_ssl"),
            ("ssl.ca.location", "probe"),
            ("sasl.mechanism", "SCRAM-SHA-256"),
            ("sasl.password", "hunter2"),
        ] {
            assert_eq!(client.get(name), Some(value));
        }
        fs::remove_file(&file).unwrap();
        let missing = producer(&config).unwrap_err().to_string();
        assert!(missing.contains(&*file.to_string_lossy()), "{missing}");
        config.security = Security::default();
        assert_eq!(producer(&config).unwrap().get("security.protocol"), Some("plaintext"));
    }

    #[test]
    fn an_unknown_option_is_refused_by_name_and_without_its_value() {
        let config = with(&[("no.such.option", "hunter2")]);
        config.validate().expect("only librdkafka knows all its options");
        let client = producer(&config).unwrap();
        let made: std::result::Result<rdkafka::producer::BaseProducer, _> = client.create();
        let refused = refusal(made.err().expect("it is refused")).to_string();
        assert!(refused.contains("no.such.option") && !refused.contains("hunter2"), "{refused}");
    }
}
