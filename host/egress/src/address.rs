//! What kind of address an address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches, as far as a policy cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Anywhere on the internet.
    Public,
    /// A private network, or this machine itself: reachable when the policy grants private networks.
    Private,
    /// Link-local, and where clouds answer with credentials: reachable only by a grant that names it.
    Metadata,
    /// No address to connect to: unspecified, multicast, reserved, for documentation.
    Never,
}

impl Class {
    /// The class in words, for a message.
    pub fn words(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Private => "a private or loopback address",
            Self::Metadata => "a link-local or cloud metadata address",
            Self::Never => "not an address to connect to",
        }
    }
}

/// The class of an address. An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) counts as itself.
pub fn class_of(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_of_v4(address),
        IpAddr::V6(address) => class_of_v6(address),
    }
}

fn class_of_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        // Alibaba, Azure and Oracle have theirs outside the link-local network.
        [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, _] | [169, 254, _, _] => Class::Metadata,
        [10, ..] | [127, ..] | [192, 168, ..] => Class::Private,
        [172, second, ..] if (16..32).contains(&second) => Class::Private,
        [100, second, ..] if (64..128).contains(&second) => Class::Private,
        [198, 18 | 19, ..] => Class::Private,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Never,
        [0, ..] | [224..=255, ..] => Class::Never,
        _ => Class::Public,
    }
}

fn class_of_v6(address: Ipv6Addr) -> Class {
    if let Some(inner) = inner_v4(address) {
        return class_of_v4(inner);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Private,
        // Amazon's and Google's metadata servers.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254] => Class::Metadata,
        [first, ..] if first & 0xffc0 == 0xfe80 => Class::Metadata,
        [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 => Class::Private,
        [0x0064, 0xff9b, 1, ..] => Class::Private,
        // Teredo, and what is for documentation.
        [0x2001, 0, ..] | [0x2001, 0x0db8, ..] | [0x3fff, ..] => Class::Never,
        [first, ..] if first & 0xe000 == 0x2000 => Class::Public,
        _ => Class::Never,
    }
}

/// The IPv4 address that an IPv6 address stands for.
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x0064, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(join(high, low))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let table = [
            ("93.184.216.34", Class::Public),
            ("2606:2800:220:1::1", Class::Public),
            ("127.0.0.1", Class::Private),
            ("127.8.9.1", Class::Private),
            ("10.1.2.3", Class::Private),
            ("172.16.0.1", Class::Private),
            ("172.32.0.1", Class::Public),
            ("192.168.1.1", Class::Private),
            ("100.64.0.1", Class::Private),
            ("100.128.0.1", Class::Public),
            ("::1", Class::Private),
            ("fd12::1", Class::Private),
            ("169.254.169.254", Class::Metadata),
            ("169.254.170.2", Class::Metadata),
            ("100.100.100.200", Class::Metadata),
            ("168.63.129.16", Class::Metadata),
            ("192.0.0.192", Class::Metadata),
            ("fe80::1", Class::Metadata),
            ("fd00:ec2::254", Class::Metadata),
            ("fd20:ce::254", Class::Metadata),
            ("::ffff:169.254.169.254", Class::Metadata),
            ("::ffff:127.0.0.1", Class::Private),
            ("64:ff9b::a9fe:a9fe", Class::Metadata),
            ("2002:7f00:1::", Class::Private),
            ("2002:a9fe:a9fe::1", Class::Metadata),
            ("0.0.0.0", Class::Never),
            ("0.1.2.3", Class::Never),
            ("::", Class::Never),
            ("::127.0.0.1", Class::Never),
            ("224.0.0.1", Class::Never),
            ("255.255.255.255", Class::Never),
            ("ff02::1", Class::Never),
            ("2001::1", Class::Never),
            ("203.0.113.9", Class::Never),
        ];
        for (address, expect) in table {
            assert_eq!(class_of(address.parse().unwrap()), expect, "{address}");
        }
    }
}
