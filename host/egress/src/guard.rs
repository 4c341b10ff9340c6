//! From a target to a connection, by the policy.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::EgressError;
use crate::policy::Policy;
use crate::resolve::{Resolve, SystemResolver};

/// How long one address may take to accept.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(10);
/// Addresses tried of one name.
const ADDRESSES_MAX: usize = 8;

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    scheme: Option<String>,
    host: String,
    port: u16,
}

impl Target {
    /// A target. The host is a name or an address (an IPv6 address with or without brackets).
    pub fn new(scheme: Option<&str>, host: &str, port: u16) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
        Self { scheme: scheme.map(str::to_ascii_lowercase), host, port }
    }

    /// The target of an `http` or `https` URL.
    pub fn of(uri: &Uri) -> Result<Self, EgressError> {
        let error = |why: &str| EgressError::Url { url: crate::redirect::shown(&uri.to_string()), why: why.to_owned() };
        let scheme = uri.scheme_str().ok_or_else(|| error("it has no scheme"))?;
        let standard = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(error("only http and https are called")),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| error("it has no host"))?;
        Ok(Self::new(Some(scheme), host, uri.port_u16().unwrap_or(standard)))
    }

    /// The host: lower case, no brackets, no final dot.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the target is called by TLS.
    pub fn is_https(&self) -> bool {
        self.scheme.as_deref() == Some("https")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(to, "{scheme}://")?;
        }
        if self.host.contains(':') {
            write!(to, "[{}]:{}", self.host, self.port)
        } else {
            write!(to, "{}:{}", self.host, self.port)
        }
    }
}

/// Applies a policy to every connection.
#[derive(Clone)]
pub struct Guard {
    policy: Arc<Policy>,
    resolver: Arc<dyn Resolve>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Guard").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard with the machine's resolver.
    pub fn new(policy: Policy) -> Self {
        Self::with_resolver(policy, Arc::new(SystemResolver))
    }

    /// A guard with another resolver.
    pub fn with_resolver(policy: Policy, resolver: Arc<dyn Resolve>) -> Self {
        Self { policy: Arc::new(policy), resolver }
    }

    /// That the rules permit this target's name. Whoever connects asks [`Guard::addresses`] instead; this is for what another proxy connects.
    pub fn permits_name(&self, target: &Target) -> Result<(), EgressError> {
        match self.policy.refuses_name(target.scheme.as_deref(), &target.host, target.port) {
            Some(why) => Err(EgressError::Refused { target: target.to_string(), why: why.to_owned(), hint: "" }),
            None => Ok(()),
        }
    }

    /// The addresses that may be called for this target, in the order to try; never empty. Whoever connects uses these and does
    /// not resolve the name again.
    pub async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, EgressError> {
        let refused = |why: String, hint| EgressError::Refused { target: target.to_string(), why, hint };
        self.permits_name(target)?;
        let found = self.resolve(target).await?;
        let mut why = None;
        let mut permitted = Vec::new();
        for address in found {
            match self.policy.refuses_address(address) {
                None => permitted.push(SocketAddr::new(address, target.port)),
                Some(reason) => why = Some(format!("{address} is {reason}")),
            }
        }
        permitted.truncate(ADDRESSES_MAX);
        match why {
            Some(why) if permitted.is_empty() => Err(refused(
                why,
                " (egress.allowPrivate in the server's configuration grants addresses that are not public)",
            )),
            _ if permitted.is_empty() => Err(EgressError::Resolve {
                host: target.host.clone(),
                source: std::io::Error::new(std::io::ErrorKind::NotFound, "it has no address"),
            }),
            _ => Ok(permitted),
        }
    }

    /// Connects to the first permitted address that answers.
    pub async fn connect(&self, target: &Target) -> Result<TcpStream, EgressError> {
        let mut last = None;
        for address in self.addresses(target).await? {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).ok();
                    return Ok(stream);
                }
                Ok(Err(source)) => last = Some(EgressError::Connect { target: target.to_string(), source }),
                Err(_) => {
                    last =
                        Some(EgressError::TimedOut { target: target.to_string(), what: "connection", after: CONNECT })
                }
            }
        }
        Err(last.unwrap_or_else(|| EgressError::TimedOut {
            target: target.to_string(),
            what: "address",
            after: CONNECT,
        }))
    }

    async fn resolve(&self, target: &Target) -> Result<Vec<IpAddr>, EgressError> {
        if let Ok(address) = target.host.parse() {
            return Ok(vec![address]);
        }
        match timeout(RESOLVE, self.resolver.resolve(&target.host)).await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(source)) => Err(EgressError::Resolve { host: target.host.clone(), source }),
            Err(_) => Err(EgressError::TimedOut {
                target: target.to_string(),
                what: "answer of the resolver",
                after: RESOLVE,
            }),
        }
    }
}
