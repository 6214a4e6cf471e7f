//! Which network addresses a source may be called at.
//!
//! Public unicast addresses, and nothing else: everything that the registries of special-purpose addresses (IANA, RFC
//! 6890) set aside is refused. Where spec and deployment both ask for it, the deployment's own networks are allowed
//! beside; the metadata services of clouds never are. An IPv4 address that is wrapped in an IPv6 one is judged as
//! what it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// IPv4 networks that are not public.
const SPECIAL_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Metadata and credential services, which answer whoever is inside.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// What may be called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    private: Vec<IpNet>,
}

impl AddressPolicy {
    /// Public addresses alone.
    #[must_use]
    pub fn public() -> Self {
        Self::default()
    }

    /// Public addresses, and those of some networks.
    #[must_use]
    pub fn with_networks(networks: &[IpNet]) -> Self {
        Self {
            private: networks.to_vec(),
        }
    }

    /// Whether an address may be called.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let Some(address) = unwrapped(address) else {
            return false;
        };
        if METADATA.contains(&address) {
            return false;
        }
        is_public(address) || self.private.iter().any(|network| network.contains(&address))
    }
}

/// Reads networks as the deployment writes them: `10.1.0.0/16, fd12::/32`; an empty text is none.
///
/// # Errors
/// The first part that is no network.
pub fn parse_networks(text: &str) -> Result<Vec<IpNet>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| part.parse::<IpNet>().map_err(|_| part.to_owned()))
        .collect()
}

/// The IPv4 address that is dialled behind an IPv6 one; none where nobody can tell (tunnels that have been given up).
fn unwrapped(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else {
        return Some(address);
    };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return Some(v4.into());
    }
    let segments = v6.segments();
    match segments {
        // NAT64: a gateway dials the IPv4 address at its end.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Some(Ipv4Addr::new(a, b, c, d).into())
        }
        // 6to4 and Teredo: an IPv4 address is in there, and no honest source lives behind it.
        [0x2002, ..] | [0x2001, 0, ..] => None,
        _ => Some(address),
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|(network, bits)| {
            let shift = 32 - u32::from(*bits);
            u32::from(v4) >> shift == u32::from_be_bytes(*network) >> shift
        }),
        // Global unicast is 2000::/3; in it, protocol assignments, documentation and the benchmarking net are not.
        IpAddr::V6(v6) => match v6.segments() {
            [first, ..] if !(0x2000..0x4000).contains(&first) => false,
            [0x2001, second, ..] if second < 0x0200 || second == 0x0db8 => false,
            [0x3fff, second, ..] if second < 0x1000 => false,
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests;
