//! Where a request comes from: the socket's other end, or what a reverse proxy that the
//! configuration names says of it. Nobody else is believed.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::App;
use crate::config::Proxies;

/// Who a request is counted for: an IPv4 address, or the network of 64 bits that one IPv6 client
/// has to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client(Vec<u8>);

impl Client {
    fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self(address.octets().to_vec()),
            Some(IpAddr::V6(address)) => Self(address.octets()[..8].to_vec()),
            // In process, without a socket.
            None => Self(Vec::new()),
        }
    }
}

impl AsRef<[u8]> for Client {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let address = peer.map(|peer| client(peer, &parts.headers, &app.config.trusted_proxies));
        Ok(Self::of(address))
    }
}

/// Hops of a header that are looked at.
const HOPS_MAX: usize = 20;

/// The nearest address that is no trusted proxy: each proxy appends whom it heard from, so the
/// header is read from its end, and only as long as trusted proxies wrote it.
fn client(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let mut at = peer.to_canonical();
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let hops = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.rsplit(','));
    for hop in hops.take(HOPS_MAX) {
        if !proxies.holds(at) {
            return at;
        }
        // What is no address was not written by a proxy: the last one that was counts.
        let Ok(address) = hop.trim().parse::<IpAddr>() else { return at };
        at = address.to_canonical();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, forwarded: &[&str], proxies: &str) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("a value"));
        }
        let proxies = proxies.to_owned().try_into().expect("proxies");
        client(peer.parse().expect("an address"), &headers, &proxies).to_string()
    }

    #[test]
    fn only_a_configured_proxy_is_believed_and_only_what_it_wrote_itself() {
        for (peer, forwarded, proxies, client) in [
            ("203.0.113.9", &[][..], "", "203.0.113.9"),
            // Nobody is trusted: what a client writes is nothing.
            ("203.0.113.9", &["198.51.100.1"], "", "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"], "127.0.0.1", "203.0.113.9"),
            ("127.0.0.1", &["198.51.100.1"], "127.0.0.1", "198.51.100.1"),
            // The client wrote the first one itself.
            ("127.0.0.1", &["10.9.9.9, 198.51.100.1"], "127.0.0.1", "198.51.100.1"),
            ("127.0.0.1", &["10.9.9.9", "198.51.100.1"], "127.0.0.1", "198.51.100.1"),
            // Two proxies, one behind the other.
            ("127.0.0.1", &["198.51.100.1, 10.0.0.2"], "127.0.0.1, 10.0.0.0/8", "198.51.100.1"),
            ("127.0.0.1", &["x, 10.0.0.2"], "127.0.0.1, 10.0.0.0/8", "10.0.0.2"),
            ("127.0.0.1", &[], "127.0.0.1", "127.0.0.1"),
            ("::ffff:127.0.0.1", &["2001:db8::1"], "127.0.0.1", "2001:db8::1"),
        ] {
            assert_eq!(of(peer, forwarded, proxies), client, "{peer} {forwarded:?} {proxies}");
        }
    }

    #[test]
    fn a_network_of_64_bits_is_one_client_and_an_ipv4_address_is_one() {
        let of = |text: &str| Client::of(Some(text.parse().expect("an address")));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_ne!(of("198.51.100.1"), of("198.51.100.2"));
        assert_eq!(of("::ffff:198.51.100.1"), of("198.51.100.1"));
    }
}
