//! A URL that may be asked, as far as its text tells.
//!
//! A URL is parsed as browsers do (WHATWG). That reader forgives much: it drops tabs, turns backslashes
//! around, and reads `2130706433` as 127.0.0.1. What it has to repair is refused, since whoever checked
//! the URL before us may have read something else.

use std::cell::Cell;
use std::net::IpAddr;

use rustls::pki_types::ServerName;
use url::{Host, SyntaxViolation, Url};

use crate::address::Rules;
use crate::error::{Error, ErrorKind, Failure};
use crate::user::User;

/// Longest URL, in bytes.
const LONGEST: usize = 8 * 1024;
/// Most characters of a URL that are shown.
const SHOWN: usize = 200;

/// A URL that may be asked, as far as its text tells. It names no user.
#[derive(Debug, Clone)]
pub(crate) struct Target(Url);

impl Target {
    /// Reads a URL, which may name no user.
    pub(crate) fn parse(text: &str, rules: &Rules) -> Result<Self, Error> {
        let (target, _) = Self::read(text, None, false, rules)?;
        Ok(target)
    }

    /// Reads a URL and the user that it names, if it does.
    pub(crate) fn parse_with_user(
        text: &str,
        rules: &Rules,
    ) -> Result<(Self, Option<User>), Error> {
        Self::read(text, None, true, rules)
    }

    /// Reads where a redirect from here leads.
    pub(crate) fn join(&self, location: &str, rules: &Rules) -> Result<Self, Error> {
        let (next, _) = Self::read(location, Some(&self.0), false, rules)?;
        if self.is_encrypted() && !next.is_encrypted() {
            let detail = "from an encrypted address to one that is not";
            return Err(Failure::new(ErrorKind::BadRedirect, detail).at(self.shown()));
        }
        Ok(next)
    }

    fn read(
        text: &str,
        base: Option<&Url>,
        may_name_user: bool,
        rules: &Rules,
    ) -> Result<(Self, Option<User>), Error> {
        let unsupported = |detail: &str| Failure::new(ErrorKind::UnsupportedUrl, detail);
        if text.len() > LONGEST {
            return Err(unsupported("it is too long").at("a URL"));
        }
        let repaired = Cell::new(None);
        let note = |violation| {
            let is_user = violation == SyntaxViolation::EmbeddedCredentials;
            if is_ambiguous(violation) && !(is_user && may_name_user) {
                repaired.set(Some(violation.description()));
            }
        };
        let parsed =
            Url::options().base_url(base).syntax_violation_callback(Some(&note)).parse(text);
        // What cannot be read is not repeated: nobody knows which part of it is secret.
        let mut url = parsed.map_err(|error| unsupported(&error.to_string()).at("a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            let detail = format!("its scheme is {}, not https or http", url.scheme());
            return Err(unsupported(&detail).at("a URL"));
        }
        let user = User::leave(&mut url);
        let target = Self(url);
        if user.is_some() && !may_name_user {
            return Err(unsupported("it holds a user name or password").at(target.shown()));
        }
        if user.is_some() && !User::is_plain(text) {
            let detail = "its user name or password has letters that a URL must encode";
            return Err(unsupported(detail).at(target.shown()));
        }
        if let Some(what) = repaired.get() {
            return Err(unsupported(what).at(target.shown()));
        }
        // A name may end in a dot, which makes it a full one.
        if target.name().split('.').any(str::is_empty) {
            return Err(unsupported("its host has an empty name").at(target.shown()));
        }
        if !target.is_address_plain(text) {
            let detail = "its address is not written as four numbers with dots";
            return Err(unsupported(detail).at(target.shown()));
        }
        target.check(rules).map_err(|failure| failure.at(target.shown()))?;
        Ok((target, user))
    }

    /// Refuses a port, or an address in place of a name, that may not be asked.
    fn check(&self, rules: &Rules) -> Result<(), Failure> {
        if !rules.allows_port(self.port()) {
            let detail = format!("port {} is not in `outbound.ports`", self.port());
            return Err(Failure::new(ErrorKind::Forbidden, detail));
        }
        self.address().map_or(Ok(()), |address| allowed(rules, address))
    }

    /// Returns whether an IPv4 address stands in the text as such: of `0127.1` and `2130706433` some read
    /// one address and some another, or a name.
    fn is_address_plain(&self, text: &str) -> bool {
        let Some(Host::Ipv4(_)) = self.0.host() else { return true };
        let begins = |(before, _): &(&str, &str)| before.is_empty() || before.ends_with(':');
        // Without its own host, a redirect stays at one that was looked at before.
        let written = text.split_once("//").filter(begins);
        written.is_none_or(|(_, written)| {
            let end = written.find(['/', '?', '#']).unwrap_or(written.len());
            // A user stands before the host.
            let written = &written[written[..end].rfind('@').map_or(0, |at| at + 1)..];
            let behind = written.strip_prefix(self.host()).map(|rest| rest.chars().next());
            behind.is_some_and(|next| next.is_none_or(|next| matches!(next, ':' | '/' | '?' | '#')))
        })
    }

    /// Returns the address that stands in place of a name.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// Returns the name of the host, or the address in its place, as it stands in the URL.
    pub(crate) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Returns the host without the dot that ends a full name.
    fn name(&self) -> &str {
        self.host().strip_suffix('.').unwrap_or(self.host())
    }

    /// Returns what the certificate of the host has to be for.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, Failure> {
        let name = match self.address() {
            Some(address) => Ok(ServerName::IpAddress(address.into())),
            // Certificates do not know the dot at the end.
            None => ServerName::try_from(self.name().to_owned()),
        };
        name.map_err(|error| Failure::caused(ErrorKind::UnsupportedUrl, error))
    }

    /// Returns the port.
    pub(crate) fn port(&self) -> u16 {
        // Both schemes have one.
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// Returns whether the connection is to be encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Returns host and port as the host is told them.
    pub(crate) fn authority(&self) -> String {
        match self.0.port() {
            Some(port) => format!("{}:{port}", self.host()),
            None => self.host().to_owned(),
        }
    }

    /// Returns path and query as the host is asked for them.
    pub(crate) fn path_and_query(&self) -> &str {
        &self.0[url::Position::BeforePath..url::Position::AfterQuery]
    }

    /// Returns the place that the URL names, whatever query it is asked with.
    pub(crate) fn place(&self) -> &str {
        &self.0[..url::Position::AfterPath]
    }

    /// Returns what may be shown: scheme, host, port and the beginning of the path.
    pub(crate) fn shown(&self) -> String {
        let from_host = &self.0[url::Position::BeforeHost..url::Position::AfterPath];
        let mut shown = format!("{}://", self.0.scheme());
        shown.extend(from_host.chars().take(SHOWN));
        if from_host.chars().count() > SHOWN {
            shown.push('…');
        }
        shown
    }
}

/// Refuses an address that may not be asked.
pub(crate) fn allowed(rules: &Rules, address: IpAddr) -> Result<(), Failure> {
    rules.check(address).map_err(|what| {
        let detail = format!(
            "it leads to an address that is {what}, and `outbound.allowed_networks` has not"
        );
        Failure::new(ErrorKind::Forbidden, detail)
    })
}

/// Returns whether another reader may see another URL in the text.
fn is_ambiguous(violation: SyntaxViolation) -> bool {
    // A character or a percent sign that should have been encoded is read alike by all.
    !matches!(violation, SyntaxViolation::NonUrlCodePoint | SyntaxViolation::PercentDecode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::new(vec!["127.0.0.0/8".parse().unwrap()], vec![80, 443, 8080])
    }

    fn parse(text: &str) -> Result<Target, Error> {
        Target::parse(text, &rules())
    }

    #[track_caller]
    fn refused(text: &str, kind: ErrorKind, word: &str) -> String {
        let error = parse(text).expect_err(text);
        let said = error.to_string();
        assert_eq!(error.kind, kind, "{text}: {said}");
        assert!(said.contains(word), "{text}: {said}");
        said
    }

    #[test]
    fn a_plain_url_is_read() {
        let target = parse("https://Example.org:8080/a b|c.wav?sign=x#part").unwrap();
        assert_eq!((target.host(), target.port()), ("example.org", 8080));
        assert_eq!(target.authority(), "example.org:8080");
        assert_eq!(target.path_and_query(), "/a%20b|c.wav?sign=x");
        assert_eq!(target.shown(), "https://example.org:8080/a%20b|c.wav");
        assert!(target.is_encrypted());
        let plain = parse("http://example.org").unwrap();
        assert_eq!((plain.authority().as_str(), plain.path_and_query()), ("example.org", "/"));
        assert_eq!(plain.port(), 80);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "http:\\\\example.org\\",
            "http:/example.org/",
            "http:example.org/",
            "http:///example.org/",
            "ht\ntp://example.org/",
            "\thttp://example.org/ ",
            " http://example.org/",
            "http://example.org/a\r\nHost: other",
            "http://example.org\\@other/",
            "http://2130706433/",
            "http://02130706433:80/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://127.0.0.01/127.0.0.1",
            "http://127.0.0.1./",
            "http://./",
            "http://a..b/",
            "http://.a/",
            "http://%31%32%37.0.0.1/",
        ] {
            refused(text, ErrorKind::UnsupportedUrl, "not a URL that is asked");
        }
        for text in ["", "not a url", "//example.org/", "http://", "http://[::1", "https://a b/"] {
            refused(text, ErrorKind::UnsupportedUrl, "cannot fetch a URL");
        }
        refused("ftp://example.org/", ErrorKind::UnsupportedUrl, "ftp");
        refused("file:///etc/passwd", ErrorKind::UnsupportedUrl, "file");
        refused(&format!("http://a/{}", "a".repeat(LONGEST)), ErrorKind::UnsupportedUrl, "long");
    }

    #[test]
    fn secrets_of_a_url_are_neither_taken_nor_shown() {
        let said =
            refused("https://me:geheim@example.org/a", ErrorKind::UnsupportedUrl, "password");
        assert!(!said.contains("geheim") && !said.contains("me@"), "{said}");
        refused("https://@example.org/", ErrorKind::UnsupportedUrl, "");
        let said = refused("http://10.0.0.1/a?geheim#geheim", ErrorKind::Forbidden, "/a");
        assert!(!said.contains("geheim"), "{said}");
        let said = refused("gopher://host/geheim", ErrorKind::UnsupportedUrl, "gopher");
        assert!(!said.contains("geheim"), "{said}");
        let long = parse(&format!("http://example.org/{}", "a".repeat(1_000))).unwrap();
        assert!(long.shown().len() < 300 && long.shown().ends_with('…'));
    }

    #[test]
    fn a_user_leaves_the_url_of_a_call() {
        let read = |text: &str| Target::parse_with_user(text, &rules());
        for text in ["https://me:geheim@example.org/a?b", "http://me:geheim@127.0.0.1:8080/a?b"] {
            let (target, user) = read(text).unwrap();
            assert!(user.is_some(), "{text}");
            assert!(!target.0.as_str().contains('@') && !target.shown().contains("geheim"));
            assert_eq!(target.path_and_query(), "/a?b");
        }
        let (_, nobody) = read("https://example.org/me:geheim@example.org").unwrap();
        assert!(nobody.is_none());
        // Everything else is refused as in any URL.
        for text in [
            "http://me@2130706433/",
            "http://me@127.1/",
            "http://me@127.0.0.1@127.1/",
            "http://a@b@example.org/",
            "http://127.0.0.1\\@example.org/",
            "http:me@example.org/",
        ] {
            let error = read(text).map(drop).expect_err(text);
            assert_eq!(error.kind, ErrorKind::UnsupportedUrl, "{text}: {error}");
        }
        let error = read("http://me:geheim@10.0.0.1/").map(drop).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Forbidden);
        assert!(!error.to_string().contains("geheim"), "{error}");
    }

    #[test]
    fn addresses_in_place_of_names_and_ports_are_checked_at_once() {
        refused("http://169.254.169.254/", ErrorKind::Forbidden, "credentials");
        refused("http://10.0.0.1", ErrorKind::Forbidden, "private");
        refused("http://[::1]/", ErrorKind::Forbidden, "machine itself");
        refused("http://example.org:22/", ErrorKind::Forbidden, "port 22");
        assert!(parse("http://127.0.0.1:8080/").is_ok(), "the operator allows it");
    }

    #[test]
    fn a_redirect_is_read_from_where_it_was_given() {
        let here = parse("https://example.org/a/b?c=d#e").unwrap();
        let next = |location: &str| here.join(location, &rules());
        assert_eq!(next("../x?y").unwrap().0.as_str(), "https://example.org/x?y");
        assert_eq!(next("//other/z").unwrap().0.as_str(), "https://other/z");
        assert_eq!(next("http://other/").unwrap_err().kind, ErrorKind::BadRedirect);
        assert_eq!(next("file:///etc/passwd").unwrap_err().kind, ErrorKind::UnsupportedUrl);
        assert_eq!(next("https://10.0.0.1/").unwrap_err().kind, ErrorKind::Forbidden);
        assert_eq!(next("\\\\other\\").unwrap_err().kind, ErrorKind::UnsupportedUrl);
        let numbers = parse("http://127.0.0.1/").unwrap();
        assert!(numbers.join("/a//b", &rules()).is_ok());
        assert_eq!(numbers.join("//127.1/", &rules()).unwrap_err().kind, ErrorKind::UnsupportedUrl);
        let plain = parse("http://example.org/").unwrap();
        assert!(plain.join("https://example.org/", &rules()).unwrap().is_encrypted());
    }

    #[test]
    fn certificates_are_for_names_and_addresses() {
        let name = |text: &str| parse(text).unwrap().server_name().unwrap();
        assert_eq!(name("https://example.org./"), ServerName::try_from("example.org").unwrap());
        assert_eq!(name("https://127.0.0.1/"), ServerName::try_from("127.0.0.1").unwrap());
    }
}
