//! Peers: the address of whoever calls, through proxies that we trust and no others.

use std::net::IpAddr;

use http::HeaderMap;
use scribed_schemas::network::Network;

/// The proxies whose word is taken.
#[derive(Debug)]
pub(super) struct Peers {
    trusted: Vec<Network>,
}

impl Peers {
    /// Takes the list.
    pub(super) fn new(trusted: Vec<Network>) -> Self {
        Self { trusted }
    }

    /// Returns the client's address.
    ///
    /// `X-Forwarded-For` is read from its end, where our own proxy wrote, and only as long as each
    /// hop is one that we trust; what a client wrote there itself is never reached.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let values = headers.get_all("x-forwarded-for").iter();
        let hops: Vec<&str> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .collect();
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            if !self.trusted.iter().any(|network| network.contains(client)) {
                break;
            }
            let Ok(address) = hop.trim().parse() else { break };
            client = address;
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(trusted: &[&str], peer: &str, forwarded: &[&'static str], expected: &str) {
        let trusted = trusted.iter().map(|text| text.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", http::HeaderValue::from_static(value));
        }
        let client = Peers::new(trusted).client(peer.parse().unwrap(), &headers);
        assert_eq!(client, expected.parse::<IpAddr>().unwrap());
    }

    #[test]
    fn only_a_trusted_proxy_may_name_the_client() {
        check(&[], "192.0.2.1", &["203.0.113.9"], "192.0.2.1");
        check(&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.9"], "203.0.113.9");
        check(&["10.0.0.0/8"], "10.0.0.1", &["6.6.6.6, 203.0.113.9, 10.0.0.2"], "203.0.113.9");
        check(&["10.0.0.0/8"], "10.0.0.1", &["6.6.6.6", "203.0.113.9"], "203.0.113.9");
        check(&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.9, rubbish"], "10.0.0.1");
    }
}
