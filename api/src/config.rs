//! Settings of the HTTP side; each default stands here once and in `deploy/scribed.toml`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use scribed_schemas::network::Network;
use serde::{Deserialize, Serialize};

/// Everything that the HTTP side can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The listener and its limits.
    pub http: Http,
    /// Sign-in and tokens.
    pub auth: Auth,
    /// What accounts show.
    pub accounts: Accounts,
    /// The documented APIs, one section each.
    pub surface: Surfaces,
    /// Which web pages may call.
    pub cors: Cors,
    /// How often one account or address may ask.
    pub limits: Limits,
}

/// The listener and its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Largest recording, in bytes.
    pub max_upload_bytes: u64,
    /// Largest JSON body, in bytes.
    pub max_json_bytes: u64,
    /// Connections at once; more wait in the operating system's queue.
    pub max_connections: u32,
    /// Time for the head of a request to arrive, also the first one and between two, in seconds.
    pub header_timeout_secs: u64,
    /// Largest head of a request, in bytes; at least 8,192.
    pub max_header_bytes: u32,
    /// Header lines of a request.
    pub max_headers: u32,
    /// Requests at once on one HTTP/2 connection.
    pub max_streams: u32,
    /// Slowest body that is waited for, in bytes a second.
    pub min_body_rate: u64,
    /// How long a body may be slower than that before it is cut off, in seconds.
    pub body_patience_secs: u64,
    /// How long an answer may wait for a client that does not read it, in seconds.
    pub write_timeout_secs: u64,
    /// Longest answer that waits for its reader in memory, in KiB; a longer one waits in a file.
    ///
    /// So much the kernel holds as well, at most, of what it has not sent yet.
    pub answer_memory_kib: u32,
    /// Folder for those files, which have no names; empty: the system's for temporary files.
    ///
    /// The daemon takes `spool` in its state folder.
    pub spool_folder: PathBuf,
    /// How long the rest of a refused request is read away at most, so that its client sees the
    /// answer, in seconds.
    pub linger_secs: u64,
    /// How long more of it is waited for, in seconds.
    pub linger_patience_secs: u64,
    /// Time for requests in work to end when the daemon stops, in seconds.
    pub drain_timeout_secs: u64,
    /// Proxies whose `X-Forwarded-For` is believed: addresses or networks such as `10.0.0.0/8`.
    pub trusted_proxies: Vec<Network>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            max_upload_bytes: 10 * 1024 * 1024 * 1024,
            max_json_bytes: 1024 * 1024,
            max_connections: 1024,
            header_timeout_secs: 10,
            max_header_bytes: 16 * 1024,
            max_headers: 100,
            max_streams: 100,
            min_body_rate: 1024,
            body_patience_secs: 10,
            write_timeout_secs: 30,
            answer_memory_kib: 128,
            spool_folder: PathBuf::new(),
            // Both as nginx has them: `lingering_time` and `lingering_timeout`.
            linger_secs: 30,
            linger_patience_secs: 5,
            drain_timeout_secs: 30,
            trusted_proxies: Vec::new(),
        }
    }
}

/// Sign-in and tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Life of an access token, in seconds.
    pub access_ttl_secs: u64,
    /// Life of a refresh token, in seconds; each exchange starts it anew.
    pub refresh_ttl_secs: u64,
    /// How long a refresh token that was just exchanged is accepted once more, in seconds.
    ///
    /// 0: never. A client on a bad network may need a few seconds.
    pub refresh_grace_secs: u64,
    /// Passwords hashed at once (each takes 19 MiB); 0 takes the number of processors.
    pub hash_concurrency: u32,
    /// Whether anybody may register an account.
    pub open_registration: bool,
    /// Whether a new account may submit recordings at once.
    pub default_can_interact: bool,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            access_ttl_secs: 30 * 60,
            refresh_ttl_secs: 30 * 24 * 3600,
            refresh_grace_secs: 0,
            hash_concurrency: 0,
            open_registration: true,
            default_can_interact: false,
        }
    }
}

/// What accounts show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Accounts {
    /// Domain of the address that an account shows which was made with a name alone.
    pub default_domain: String,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { default_domain: "localhost".to_owned() }
    }
}

/// The documented APIs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Surfaces {
    /// `/auth`, `/transcriptions`, `/transcript`, `/upload-audiofile`, `/worker`, `/`.
    pub transcriptions: Transcriptions,
    /// `/revspeech/v1beta` and `/speechtotext/v1`.
    pub revai: Revai,
    /// `/api/job` and `/api/account`.
    pub cielo24: Cielo24,
}

/// The cielo24 surface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cielo24 {
    /// Whether it is served.
    pub enabled: bool,
    /// Life of a token that a login gives, in seconds.
    pub login_ttl_secs: u64,
}

impl Default for Cielo24 {
    fn default() -> Self {
        Self { enabled: true, login_ttl_secs: 24 * 60 * 60 }
    }
}

/// The Rev.ai surface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Revai {
    /// Whether it is served.
    pub enabled: bool,
    /// Balance that every account shows, in seconds; nothing is taken from it.
    pub balance_secs: u32,
}

impl Default for Revai {
    fn default() -> Self {
        Self { enabled: true, balance_secs: 360_000_000 }
    }
}

/// The transcriptions surface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transcriptions {
    /// Whether it is served.
    pub enabled: bool,
    /// Times without the final `Z`, for the old clients of this API that add it themselves.
    pub naive_times: bool,
    /// Whether a user's next upload is refused until the one before is done.
    pub one_active_job: bool,
    /// Entries of a page when the client does not say.
    pub default_page_size: u32,
    /// Most entries of a page; a larger wish is cut to this.
    pub max_page_size: u32,
    /// How long a job stays with an external worker that does not report, in seconds.
    pub worker_lease_secs: u64,
}

impl Default for Transcriptions {
    fn default() -> Self {
        Self {
            enabled: true,
            naive_times: false,
            one_active_job: false,
            default_page_size: 50,
            max_page_size: 10_000,
            worker_lease_secs: 600,
        }
    }
}

/// Which web pages may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Origins such as `https://example.org`; `*` is every one, none switches CORS off.
    pub origins: Vec<String>,
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: vec!["*".to_owned()] }
    }
}

/// How often one account, or the addresses of one client, may ask.
///
/// Each host counts for itself. A rate of 0 is no limit; a burst is what may come at once before the
/// rate holds. Tries are logins, renewals of tokens, and registrations, each kind counted by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Tries with one account name, in any case of its letters, each minute.
    pub account_tries_per_minute: u32,
    /// Such tries at once.
    pub account_tries_burst: u32,
    /// Tries from one address each minute.
    pub address_tries_per_minute: u32,
    /// Such tries at once.
    pub address_tries_burst: u32,
    /// Requests of any kind of one account each second.
    pub account_requests_per_second: u32,
    /// Such requests at once.
    pub account_requests_burst: u32,
    /// Requests of any kind from one address each second.
    pub address_requests_per_second: u32,
    /// Such requests at once.
    pub address_requests_burst: u32,
    /// First bits that the IPv6 addresses of one client share.
    pub ipv6_prefix: u8,
    /// Accounts and addresses that each limit keeps in mind at most, at about 20 bytes each.
    pub max_tracked: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            account_tries_per_minute: 10,
            account_tries_burst: 30,
            // Many people may share one IPv4 address.
            address_tries_per_minute: 120,
            address_tries_burst: 300,
            account_requests_per_second: 0,
            account_requests_burst: 1_000,
            address_requests_per_second: 0,
            address_requests_burst: 1_000,
            ipv6_prefix: 64,
            max_tracked: 100_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_setting_is_an_error() {
        assert!(serde_json::from_str::<Config>(r#"{"http":{"lisen":"0.0.0.0:1"}}"#).is_err());
        let some: Config = serde_json::from_str(r#"{"http":{"listen":"0.0.0.0:1"}}"#).unwrap();
        assert_eq!(some.http.max_json_bytes, 1 << 20);
    }
}
