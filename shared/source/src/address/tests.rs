use std::net::IpAddr;

use proptest::prelude::*;

use super::{AddressPolicy, parse_networks};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn public_addresses_are_allowed() {
    for text in [
        "8.8.8.8",
        "1.1.1.1",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "2001:200::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ] {
        assert!(AddressPolicy::public().allows(address(text)), "{text}");
    }
}

#[test]
fn everything_that_is_set_aside_is_refused() {
    for text in [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "169.254.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!AddressPolicy::public().allows(address(text)), "{text}");
    }
}

#[test]
fn the_deployments_networks_are_allowed_and_the_metadata_services_never() {
    let networks = parse_networks("127.0.0.0/8, 169.254.0.0/16,fd00::/8").unwrap();
    let policy = AddressPolicy::with_networks(&networks);
    for text in [
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::127.9.9.9",
        "169.254.1.1",
        "fd12::1",
        "8.8.8.8",
    ] {
        assert!(policy.allows(address(text)), "{text}");
    }
    for text in [
        "10.0.0.1",
        "::1",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "2002:7f00:1::1",
    ] {
        assert!(!policy.allows(address(text)), "{text}");
    }
}

#[test]
fn networks_are_read_or_named() {
    assert_eq!(parse_networks("").unwrap(), Vec::new());
    assert_eq!(parse_networks(" , ").unwrap(), Vec::new());
    assert_eq!(parse_networks("10.0.0.0/8,nonsense").unwrap_err(), "nonsense");
    assert_eq!(parse_networks("10.0.0.1").unwrap_err(), "10.0.0.1");
}

proptest! {
    /// However an IPv4 address is wrapped, it is judged alike.
    #[test]
    fn a_wrapped_address_is_judged_as_what_it_is(bits in any::<u32>()) {
        let v4 = std::net::Ipv4Addr::from(bits);
        let mapped = IpAddr::V6(v4.to_ipv6_mapped());
        let [a, b, c, d] = v4.octets();
        let nat64 = address(&format!("64:ff9b::{a}.{b}.{c}.{d}"));
        for policy in [AddressPolicy::public(), AddressPolicy::with_networks(&parse_networks("10.0.0.0/8").unwrap())] {
            let plain = policy.allows(v4.into());
            prop_assert_eq!(policy.allows(mapped), plain);
            prop_assert_eq!(policy.allows(nat64), plain);
        }
        if bits >> 24 == 10 || bits >> 24 == 127 {
            prop_assert!(!AddressPolicy::public().allows(v4.into()));
        }
    }
}
