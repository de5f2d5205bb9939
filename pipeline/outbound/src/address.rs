//! Which addresses may be asked: public ones, and those that the operator allows.
//!
//! The networks are those that IANA's registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890)
//! call not globally reachable, multicast, and every form that carries an IPv4 address inside an IPv6
//! one, since a translator on the way may unwrap it. Of the addresses at which clouds tell machines their
//! credentials only Azure's, 168.63.129.16, is a public one; it is listed by itself.

use std::net::IpAddr;

use scribed_schemas::network::Network;

/// Networks that are not asked, each with what it is; the first that holds an address names it.
const REFUSED: &[(Network, &str)] = &[
    (Network::v4([169, 254, 169, 254], 32), "where clouds keep credentials"),
    (Network::v4([168, 63, 129, 16], 32), "where clouds keep credentials"),
    (Network::v4([100, 100, 100, 200], 32), "where clouds keep credentials"),
    (Network::v4([0, 0, 0, 0], 8), "unspecified"),
    (Network::v4([10, 0, 0, 0], 8), "private"),
    (Network::v4([100, 64, 0, 0], 10), "shared by the customers of a provider"),
    (Network::v4([127, 0, 0, 0], 8), "of the machine itself"),
    (Network::v4([169, 254, 0, 0], 16), "of one link"),
    (Network::v4([172, 16, 0, 0], 12), "private"),
    (Network::v4([192, 0, 0, 0], 24), "reserved for protocols"),
    (Network::v4([192, 0, 2, 0], 24), "for documentation"),
    (Network::v4([192, 88, 99, 0], 24), "a relay into IPv6"),
    (Network::v4([192, 168, 0, 0], 16), "private"),
    (Network::v4([198, 18, 0, 0], 15), "for measurements"),
    (Network::v4([198, 51, 100, 0], 24), "for documentation"),
    (Network::v4([203, 0, 113, 0], 24), "for documentation"),
    (Network::v4([224, 0, 0, 0], 4), "of a group"),
    (Network::v4([240, 0, 0, 0], 4), "reserved"),
    (
        Network::v6([0, 0, 0, 0], 96),
        "unspecified, of the machine itself, or an IPv4 address inside",
    ),
    (Network::v6([0x64, 0xff9b, 0, 0], 32), "an IPv4 address inside"),
    (Network::v6([0x100, 0, 0, 0], 64), "a black hole"),
    (Network::v6([0x2001, 0, 0, 0], 32), "an IPv4 address inside"),
    (Network::v6([0x2001, 0, 0, 0], 23), "reserved for protocols"),
    (Network::v6([0x2001, 0xdb8, 0, 0], 32), "for documentation"),
    (Network::v6([0x2002, 0, 0, 0], 16), "an IPv4 address inside"),
    (Network::v6([0x3fff, 0, 0, 0], 20), "for documentation"),
    (Network::v6([0xfc00, 0, 0, 0], 7), "private"),
    (Network::v6([0xfe80, 0, 0, 0], 10), "of one link"),
    (Network::v6([0xfec0, 0, 0, 0], 10), "private"),
    (Network::v6([0xff00, 0, 0, 0], 8), "of a group"),
];

/// All IPv6 addresses that one host has and the internet knows (RFC 4291, section 2.4).
const GLOBAL_UNICAST: Network = Network::v6([0x2000, 0, 0, 0], 3);

/// Which addresses and ports may be asked.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    allowed: Vec<Network>,
    ports: Vec<u16>,
}

impl Rules {
    /// Allows public addresses and these networks, at these ports.
    pub fn new(allowed: Vec<Network>, ports: Vec<u16>) -> Self {
        Self { allowed, ports }
    }

    /// Refuses an address that may not be asked, with what it is.
    ///
    /// # Errors
    /// What the address is, to follow "an address that is".
    pub fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        if self.allowed.iter().any(|network| network.contains(address)) {
            return Ok(());
        }
        if let IpAddr::V6(wrapped) = address
            && wrapped.to_ipv4_mapped().is_some()
        {
            return Err("an IPv4 address inside");
        }
        if let Some((_, what)) = REFUSED.iter().find(|(network, _)| network.contains(address)) {
            return Err(what);
        }
        if address.is_ipv6() && !GLOBAL_UNICAST.contains(address) {
            return Err("not of the internet");
        }
        Ok(())
    }

    /// Returns whether a port may be asked.
    pub fn allows_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allowed: &[&str]) -> Rules {
        let allowed = allowed.iter().map(|network| network.parse().unwrap()).collect();
        Rules::new(allowed, vec![80])
    }

    #[track_caller]
    fn refused(address: &str, what: &str) {
        let said = rules(&[]).check(address.parse().unwrap());
        assert_eq!(said, Err(what), "{address}");
    }

    #[test]
    fn public_addresses_may_be_asked() {
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00::1",
            "3ffe::1",
        ];
        for address in public {
            assert_eq!(rules(&[]).check(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn what_is_not_public_is_refused_as_what_it_is() {
        let cloud = "where clouds keep credentials";
        for address in ["169.254.169.254", "168.63.129.16", "100.100.100.200"] {
            refused(address, cloud);
        }
        for (first, last, what) in [
            ("0.0.0.0", "0.255.255.255", "unspecified"),
            ("10.0.0.0", "10.255.255.255", "private"),
            ("100.64.0.0", "100.127.255.255", "shared by the customers of a provider"),
            ("127.0.0.0", "127.255.255.255", "of the machine itself"),
            ("169.254.0.0", "169.254.255.255", "of one link"),
            ("172.16.0.0", "172.31.255.255", "private"),
            ("192.0.0.0", "192.0.0.255", "reserved for protocols"),
            ("192.0.2.0", "192.0.2.255", "for documentation"),
            ("192.168.0.0", "192.168.255.255", "private"),
            ("198.18.0.0", "198.19.255.255", "for measurements"),
            ("198.51.100.0", "198.51.100.255", "for documentation"),
            ("203.0.113.0", "203.0.113.255", "for documentation"),
            ("224.0.0.0", "239.255.255.255", "of a group"),
            ("240.0.0.0", "255.255.255.255", "reserved"),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"),
            ("fe80::1", "febf:ffff::1", "of one link"),
            ("fec0::1", "feff:ffff::1", "private"),
            ("ff00::1", "ffff:ffff::1", "of a group"),
            ("2001:db8::1", "2001:db8:ffff::1", "for documentation"),
            ("3fff::1", "3fff:fff:ffff::1", "for documentation"),
            ("2001:1::1", "2001:1ff:ffff::1", "reserved for protocols"),
            ("100::1", "100::ffff", "a black hole"),
            ("4000::1", "fbff::1", "not of the internet"),
            ("5f00::1", "100:0:0:1::1", "not of the internet"),
        ] {
            refused(first, what);
            refused(last, what);
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_one_is_refused_whatever_it_is() {
        let inside = "an IPv4 address inside";
        for address in [
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "2001::1",
        ] {
            refused(address, inside);
        }
        for address in ["::", "::1", "::127.0.0.1"] {
            refused(address, "unspecified, of the machine itself, or an IPv4 address inside");
        }
        refused("::ffff:0:127.0.0.1", "not of the internet");
    }

    #[test]
    fn what_the_operator_allows_may_be_asked_and_nothing_beside_it() {
        let rules = rules(&["10.1.0.0/16", "fd00:1::/32", "64:ff9b::/96"]);
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "64:ff9b::10.1.2.3", "1.1.1.1"]
        {
            assert_eq!(rules.check(address.parse().unwrap()), Ok(()), "{address}");
        }
        for address in ["10.2.0.1", "::ffff:10.2.0.1", "fd00:2::5", "64:ff9b:1::1", "127.0.0.1"] {
            assert!(rules.check(address.parse().unwrap()).is_err(), "{address}");
        }
    }

    #[test]
    fn ports_are_those_of_the_list() {
        assert!(rules(&[]).allows_port(80));
        assert!(!rules(&[]).allows_port(81));
        assert!(!Rules::default().allows_port(80));
    }
}
