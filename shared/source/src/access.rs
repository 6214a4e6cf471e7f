//! Where a source may be called: scheme, host list, port, and the address where the host is one.

use url::{Host, Url};

use crate::address::AddressPolicy;
use crate::problem::{FetchProblem, FetchRule};

/// The longest address that is called.
const MAX_URL_BYTES: usize = 2_000;

/// An entry of a spec's host list: `data.example.org`, `*.example.org`, `data.example.org:8443`, `[::1]:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule {
    host: Host<String>,
    with_subdomains: bool,
    port: Option<u16>,
}

impl HostRule {
    /// Reads an entry, in the form that addresses are brought into before they are compared.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (with_subdomains, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if rest.contains(['/', '@', '?', '#', '\\', '*']) || rest.chars().any(char::is_whitespace) {
            return None;
        }
        // The parser of addresses is the one that later reads what is called: both see the same host.
        let url = Url::parse(&format!("https://{rest}/")).ok()?;
        let host = plain_host(&url)?;
        let is_name = matches!(host, Host::Domain(_));
        let written_port = rest.rsplit_once(':').filter(|(before, _)| !before.ends_with(':'));
        let port = match (url.port(), written_port) {
            (Some(port), _) => Some(port),
            // 443 is what the parser leaves out.
            (None, Some((_, "443"))) => Some(443),
            _ => None,
        };
        (is_name || !with_subdomains).then_some(Self {
            host,
            with_subdomains,
            port,
        })
    }

    fn allows(&self, host: &Host<String>, port: u16, default_port: u16) -> bool {
        if port != self.port.unwrap_or(default_port) {
            return false;
        }
        match (&self.host, host) {
            (Host::Domain(allowed), Host::Domain(found)) if self.with_subdomains => found
                .strip_suffix(allowed.as_str())
                .is_some_and(|before| before.ends_with('.') && before.len() > 1),
            (allowed, found) => allowed == found,
        }
    }
}

/// A host without the root's dot.
fn plain_host(url: &Url) -> Option<Host<String>> {
    match url.host()? {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            (!name.is_empty() && !name.ends_with('.')).then(|| Host::Domain(name.to_owned()))
        }
        other => Some(other.to_owned()),
    }
}

/// What a source may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    hosts: Vec<HostRule>,
    plain_http: bool,
    addresses: AddressPolicy,
}

impl Access {
    /// Access by a host list that was checked; entries that cannot be read allow nothing.
    #[must_use]
    pub fn new(hosts: &[String], plain_http: bool, addresses: AddressPolicy) -> Self {
        Self {
            hosts: hosts.iter().filter_map(|host| HostRule::parse(host)).collect(),
            plain_http,
            addresses,
        }
    }

    /// The addresses that a host's name may stand for.
    #[must_use]
    pub fn addresses(&self) -> &AddressPolicy {
        &self.addresses
    }

    /// Reads an address and checks it; whoever dials checks what its host's name stands for.
    ///
    /// # Errors
    /// Which rule forbids it.
    pub fn check(&self, address: &str) -> Result<Url, FetchProblem> {
        if address.len() > MAX_URL_BYTES {
            return Err(FetchProblem::new(FetchRule::BadUrl, "the address is too long"));
        }
        let mut url = Url::parse(address)
            .map_err(|error| FetchProblem::new(FetchRule::BadUrl, format!("{address}: {error}")))?;
        url.set_fragment(None);
        self.check_scheme(&url)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchProblem::new(
                FetchRule::BadUrl,
                "the address holds a user name or a password",
            ));
        }
        let host = plain_host(&url)
            .ok_or_else(|| FetchProblem::new(FetchRule::BadUrl, format!("{url} has no host")))?;
        self.check_host(&url, &host)?;
        match host {
            Host::Ipv4(v4) if !self.addresses.allows(v4.into()) => Err(forbidden_address(&url)),
            Host::Ipv6(v6) if !self.addresses.allows(v6.into()) => Err(forbidden_address(&url)),
            _ => Ok(url),
        }
    }

    fn check_scheme(&self, url: &Url) -> Result<(), FetchProblem> {
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.plain_http => Ok(()),
            other => Err(FetchProblem::new(
                FetchRule::ForbiddenScheme,
                format!("the scheme {other} is not allowed"),
            )),
        }
    }

    fn check_host(&self, url: &Url, host: &Host<String>) -> Result<(), FetchProblem> {
        let default_port = if url.scheme() == "http" { 80 } else { 443 };
        let port = url.port_or_known_default().unwrap_or(default_port);
        if self
            .hosts
            .iter()
            .any(|rule| rule.allows(host, port, default_port))
        {
            return Ok(());
        }
        let message = format!("{host}:{port} is not among the allowed hosts");
        Err(FetchProblem::new(FetchRule::ForbiddenHost, message))
    }
}

fn forbidden_address(url: &Url) -> FetchProblem {
    let host = url.host_str().unwrap_or_default();
    FetchProblem::new(
        FetchRule::ForbiddenAddress,
        format!("{host} is an address that is not called"),
    )
}

#[cfg(test)]
mod tests;
