//! Rate limits: how often an account, or a group of addresses, may ask.
//!
//! Logins, renewals of tokens and registrations are counted each by itself, and requests of any kind
//! all together. Each of the four has a meter for accounts and one for groups of addresses:
//!
//! ```text
//!  request ─► lobby: requests by address ─► caller: requests by account ─► handler
//!  login, renewal, registration ──────────► tries by address ─► tries by account ─► work
//! ```
//!
//! An account is counted by its name whatever the case of its letters, and whether it exists or not,
//! so that a refusal tells nothing about it. The address is that of `server/peer.rs`: what a client
//! writes into `X-Forwarded-For` itself changes nothing. Each host counts for itself.

mod meter;

use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use crate::answer::{Answer, Refusal};
use crate::config::Limits;
use crate::rate::meter::Meter;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Whoever sent a request, as far as our own proxies can tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client(pub(crate) IpAddr);

/// The limits that are in force.
#[derive(Debug)]
pub(crate) struct Rates {
    pub(crate) logins: Rate,
    pub(crate) renewals: Rate,
    pub(crate) registrations: Rate,
    /// Requests of any kind.
    pub(crate) requests: Rate,
}

/// How often one thing may be done.
#[derive(Debug)]
pub(crate) struct Rate {
    accounts: Option<Meter>,
    addresses: Option<Meter>,
    ipv6_prefix: u8,
}

impl Rates {
    /// Reads the settings.
    pub(crate) fn new(limits: &Limits) -> Self {
        let tries = || Rate {
            accounts: Meter::new(
                (limits.account_tries_per_minute, MINUTE),
                limits.account_tries_burst,
                limits.max_tracked,
            ),
            addresses: Meter::new(
                (limits.address_tries_per_minute, MINUTE),
                limits.address_tries_burst,
                limits.max_tracked,
            ),
            ipv6_prefix: limits.ipv6_prefix,
        };
        let requests = Rate {
            accounts: Meter::new(
                (limits.account_requests_per_second, SECOND),
                limits.account_requests_burst,
                limits.max_tracked,
            ),
            addresses: Meter::new(
                (limits.address_requests_per_second, SECOND),
                limits.address_requests_burst,
                limits.max_tracked,
            ),
            ipv6_prefix: limits.ipv6_prefix,
        };
        Self { logins: tries(), renewals: tries(), registrations: tries(), requests }
    }
}

impl Rate {
    /// Counts a client's address, and refuses when its group has used up its limit.
    pub(crate) fn count_address(&self, Client(address): Client) -> Answer<()> {
        take(self.addresses.as_ref(), group(address, self.ipv6_prefix))
    }

    /// Counts the name of an account, and refuses when it has used up its limit.
    pub(crate) fn count_name(&self, name: &str) -> Answer<()> {
        take(self.accounts.as_ref(), name.to_lowercase())
    }

    /// Counts an account that is known by its id.
    pub(crate) fn count_account(&self, id: impl Hash) -> Answer<()> {
        take(self.accounts.as_ref(), id)
    }
}

fn take(meter: Option<&Meter>, key: impl Hash) -> Answer<()> {
    meter.map_or(Ok(()), |meter| meter.take(key)).map_err(Refusal::TooOften)
}

/// Returns what the addresses of one client have in common: all of an IPv4 address, also where it is
/// mapped into IPv6, and the first bits of an IPv6 address, whose rest its holder picks at will.
fn group(address: IpAddr, ipv6_prefix: u8) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(address) => {
            let free = 128 - u32::from(ipv6_prefix.min(128));
            let mask = u128::MAX.checked_shl(free).unwrap_or(0);
            u128::from(address) & mask
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Client {
        Client(text.parse().expect("an address"))
    }

    /// Three tries an account and five an address group, and then one a minute.
    fn few() -> Rates {
        Rates::new(&Limits {
            account_tries_per_minute: 1,
            account_tries_burst: 3,
            address_tries_per_minute: 1,
            address_tries_burst: 5,
            ..Limits::default()
        })
    }

    /// Returns how many of some tries are admitted.
    fn admitted(tries: impl Iterator<Item = Answer<()>>) -> usize {
        tries.flatten().count()
    }

    #[test]
    fn a_name_is_one_name_in_every_case() {
        let logins = few().logins;
        let names = ["somebody", "SOMEBODY", "SomeBody", "sOMEbODY", "somebodY"];
        assert_eq!(admitted(names.iter().map(|name| logins.count_name(name))), 3);
        // Other scripts have cases too.
        let names = ["ΣΊΣΥΦΟΣ", "σίσυφοσ", "Σίσυφοσ", "сИЗИФ", "сизиф"];
        assert_eq!(admitted(names.iter().map(|name| logins.count_name(name))), 5);
        assert!(logins.count_name("ΣίΣυφοσ").is_ok());
        assert!(logins.count_name("σίσΥΦΟΣx").is_ok());
    }

    #[test]
    fn addresses_of_one_network_are_one_client() {
        let logins = few().logins;
        let rotating = (0..100_u32).map(|n| client(&format!("2001:db8:1:2:{n:x}:{n:x}::{n:x}")));
        assert_eq!(admitted(rotating.map(|client| logins.count_address(client))), 5);
        assert!(logins.count_address(client("2001:db8:1:3::1")).is_ok(), "another /64");
        let forms = ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"].into_iter().cycle();
        let forms = forms.take(30).map(client);
        assert_eq!(admitted(forms.map(|client| logins.count_address(client))), 5);
        assert!(logins.count_address(client("192.0.2.8")).is_ok(), "another address");
    }

    #[test]
    fn the_size_of_a_network_is_a_setting() {
        let same = |prefix| {
            group(client("2001:db8::1").0, prefix) == group(client("2001:db8:0:1::2").0, prefix)
        };
        assert!(!same(64) && same(56) && same(48) && same(0) && !same(128) && !same(255));
    }

    #[test]
    fn each_kind_of_try_counts_for_itself() {
        let rates = few();
        for rate in [&rates.logins, &rates.renewals, &rates.registrations] {
            assert_eq!(admitted((0..50).map(|_| rate.count_name("somebody"))), 3);
            assert_eq!(admitted((0..50).map(|_| rate.count_address(client("192.0.2.7")))), 5);
        }
    }

    #[test]
    fn requests_are_unlimited_unless_somebody_says_so() {
        let requests = Rates::new(&Limits::default()).requests;
        let from = client("192.0.2.7");
        assert_eq!(admitted((0..10_000).map(|_| requests.count_address(from))), 10_000);
        assert_eq!(admitted((0..10_000).map(|_| requests.count_account(7))), 10_000);
    }
}
