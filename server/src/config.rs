//! Configuration: defaults, then a TOML file, then `FIELDBOOK_*` variables, then flags; the later
//! one holds. An unknown key is an error, not a surprise.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format as _, Serialized, Toml};
use figment::value::{Dict, Value};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a server runs. Each key may stand in the file, as `FIELDBOOK_<KEY>`, or as a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The database's file.
    pub database: PathBuf,
    /// The folder of the installation's keys, outside the database and its backups.
    pub keys: PathBuf,
    /// The folder of the ledger, outside the database and its backups; `ledger` beside the keys'
    /// folder where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<PathBuf>,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// How phones and browsers reach this server, without a path.
    pub public_url: String,
    /// The reverse proxies whose `X-Forwarded-For` says where a request comes from.
    pub trusted_proxies: Proxies,
    /// Seconds until a request is given up; a phone without much signal needs many.
    pub request_timeout_s: u64,
    /// Hours an enrolment code is good for.
    pub enrolment_code_life_h: u32,
    /// What is logged: `info`, or a filter like `info,fieldbook_server::sync=debug`.
    pub log: String,
    /// Text for people or JSON for machines.
    pub log_format: LogFormat,
}

/// Addresses and networks, as a text: `127.0.0.1, 10.0.0.0/8`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Proxies(Vec<(IpAddr, u32)>);

impl Proxies {
    /// Whether an address is one of them.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, bits)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= *bits
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= *bits
            }
            _ => false,
        })
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for Proxies {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl From<Proxies> for String {
    fn from(proxies: Proxies) -> Self {
        let entries: Vec<String> =
            proxies.0.iter().map(|(address, bits)| format!("{address}/{bits}")).collect();
        entries.join(",")
    }
}

fn network(entry: &str) -> Result<(IpAddr, u32), String> {
    let wrong = || format!("trusted_proxies: {entry:?} is no address and no network");
    let (address, bits) = match entry.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (entry, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
    if bits <= most { Ok((address, bits)) } else { Err(wrong()) }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: PathBuf::from("fieldbook.db"),
            keys: PathBuf::from("keys"),
            ledger: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: "http://127.0.0.1:8080".to_owned(),
            trusted_proxies: Proxies::default(),
            request_timeout_s: 120,
            enrolment_code_life_h: 24,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

impl Config {
    /// Reads the configuration. `variables` are the process's environment; of them those count that
    /// begin with `FIELDBOOK_`.
    ///
    /// # Errors
    /// If a key is unknown, a value does not parse, or the file cannot be read.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        flags: Dict,
    ) -> Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(Error::Configuration(format!("{} is no file", file.display())));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let config: Self = figment
            .merge(Serialized::globals(from_variables(variables)))
            .merge(Serialized::globals(flags))
            .extract()
            .map_err(|error| Error::Configuration(error.to_string()))?;
        config.checked()
    }

    fn checked(self) -> Result<Self> {
        let scheme = self.public_url.split_once("://");
        let Some(("http" | "https", host)) = scheme else {
            return Err(Error::Configuration("public_url begins with http:// or https://".into()));
        };
        if host.is_empty() || host.contains('/') {
            return Err(Error::Configuration("public_url is a scheme and a host, no path".into()));
        }
        Ok(self)
    }

    /// The folder of the ledger.
    pub fn ledger_folder(&self) -> PathBuf {
        self.ledger.clone().unwrap_or_else(|| self.keys.with_file_name("ledger"))
    }

    /// Whether browsers reach the server on their own machine only, where there is no TLS.
    pub fn is_loopback(&self) -> bool {
        let Some(host) = self.public_url.strip_prefix("http://") else { return false };
        let host = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let ip = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || ip.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Variables that are no keys: where the file is, and a secret for one command.
const NO_KEYS: [&str; 2] = ["config", "password"];

fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Dict {
    let mut dict = Dict::new();
    for (name, value) in variables {
        if let Some(key) = name.strip_prefix("FIELDBOOK_").map(str::to_lowercase)
            && !NO_KEYS.contains(&key.as_str())
        {
            let Ok(value) = value.parse::<Value>();
            dict.insert(key, value);
        }
    }
    dict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn flags_hold_over_variables_over_the_file_over_defaults() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("fieldbook.toml");
        std::fs::write(
            &file,
            "listen = \"127.0.0.1:1\"\nlog = \"from_file\"\ndatabase = \"from_file\"\n",
        )
        .expect("writes");
        let environment =
            variables(&[("FIELDBOOK_LISTEN", "127.0.0.1:2"), ("FIELDBOOK_LOG", "from_variable")]);
        let flags = Dict::from([("listen".to_owned(), Value::from("127.0.0.1:3"))]);
        let config = Config::load(Some(&file), environment, flags).expect("loads");
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.log, "from_variable");
        assert_eq!(config.database, PathBuf::from("from_file"));
        assert_eq!(config.keys, Config::default().keys);
    }

    #[test]
    fn unknown_keys_and_bad_values_are_errors() {
        let load = |pairs: &[(&str, &str)]| Config::load(None, variables(pairs), Dict::new());
        for pairs in [
            [("FIELDBOOK_LISTEM", "127.0.0.1:2")],
            [("FIELDBOOK_LISTEN", "somewhere")],
            [("FIELDBOOK_LOG_FORMAT", "xml")],
            [("FIELDBOOK_TRUSTED_PROXIES", "everyone")],
            [("FIELDBOOK_TRUSTED_PROXIES", "10.0.0.0/33")],
            [("FIELDBOOK_PUBLIC_URL", "fieldbook.example")],
            [("FIELDBOOK_PUBLIC_URL", "https://fieldbook.example/path")],
        ] {
            assert!(matches!(load(&pairs), Err(Error::Configuration(_))), "{pairs:?}");
        }
        let other = load(&[("FIELDBOOK_PASSWORD", "x"), ("FIELDBOOK_CONFIG", "y"), ("PATH", "z")]);
        assert_eq!(other.expect("loads"), Config::default());
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("fieldbook.toml");
        assert!(Config::load(Some(&file), [], Dict::new()).is_err(), "a file that is not there");
        std::fs::write(&file, "listem = \"127.0.0.1:1\"\n").expect("writes");
        let error = Config::load(Some(&file), [], Dict::new()).expect_err("unknown").to_string();
        assert!(error.contains("listem"), "{error}");
    }

    #[test]
    fn a_proxy_is_trusted_by_its_address_or_its_network() {
        let set = |text| variables(&[("FIELDBOOK_TRUSTED_PROXIES", text)]);
        let load = |text| Config::load(None, set(text), Dict::new()).expect("loads");
        let proxies = load("127.0.0.1, 10.0.0.0/8,2001:db8::/32").trusted_proxies;
        for (address, held) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(proxies.holds(address.parse().expect("an address")), held, "{address}");
        }
        assert!(load("").trusted_proxies.is_empty() && !proxies.is_empty());
        assert_eq!(Proxies::try_from(String::from(proxies.clone())), Ok(proxies));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, loopback) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost", true),
            ("http://[::1]:8080", true),
            ("https://127.0.0.1", false),
            ("http://fieldbook.example", false),
            ("http://localhost.example:80", false),
        ] {
            let config = Config { public_url: url.to_owned(), ..Config::default() };
            assert_eq!(config.is_loopback(), loopback, "{url}");
        }
    }
}
