//! A guarded SOCKS5 server on loopback, for programs that make their own connections (git).
//!
//! The program is given its address, a user and a password; each connection it asks for passes the guard, names resolved here.
//! CONNECT only (RFC 1928), user and password only (RFC 1929).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::EgressError;
use crate::guard::{Guard, Target};

/// Connections of one program at once.
const CONNECTIONS_MAX: usize = 32;
/// Random bytes of a password.
const PASSWORD_BYTES: usize = 32;
/// How long a greeting may take.
const GREETING: Duration = Duration::from_secs(10);

/// A running server; it and its connections end when this is dropped.
pub struct Socks {
    address: SocketAddr,
    user: String,
    password: String,
    refused: watch::Receiver<Option<Refused>>,
    task: JoinHandle<()>,
}

impl Socks {
    /// Starts one for a program, which `user` names. The password that its URL has keeps others from it: they reach loopback too.
    pub async fn start(guard: Guard, user: &str) -> io::Result<Self> {
        let password = password()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (tell, refused) = watch::channel(None);
        let credentials: Arc<(Vec<u8>, Vec<u8>)> = Arc::new((user.into(), password.clone().into()));
        let task = tokio::spawn(serve(listener, guard, credentials, tell));
        Ok(Self { address, user: user.to_owned(), password, refused, task })
    }

    /// Where to connect as a proxy URL that resolves names at the proxy. It holds the password.
    pub fn url(&self) -> String {
        format!("socks5h://{}:{}@{}", self.user, self.password, self.address)
    }

    /// What was refused or could not be reached last, since the program itself is told no more than a number.
    pub fn refused(&self) -> Option<Refused> {
        self.refused.borrow().clone()
    }
}

/// Why there was no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// In words for people.
    pub why: String,
    /// The rules forbid it: it will be the same next time.
    pub by_rule: bool,
}

/// Random digits.
fn password() -> io::Result<String> {
    let mut bytes = [0_u8; PASSWORD_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Drop for Socks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    guard: Guard,
    credentials: Arc<(Vec<u8>, Vec<u8>)>,
    tell: watch::Sender<Option<Refused>>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (guard, credentials, tell) = (guard.clone(), Arc::clone(&credentials), tell.clone());
        connections.spawn(async move {
            if let Err(error) = one(stream, &guard, &credentials, &tell).await {
                tracing::debug!(%error, "a proxied connection ended");
            }
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

const VERSION: u8 = 5;
const BY_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;

async fn one(
    mut stream: TcpStream,
    guard: &Guard,
    credentials: &(Vec<u8>, Vec<u8>),
    tell: &watch::Sender<Option<Refused>>,
) -> io::Result<()> {
    let target = timeout(GREETING, greet(&mut stream, credentials))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    match guard.connect(&target).await {
        Ok(mut far) => {
            reply(&mut stream, 0).await?;
            copy_bidirectional(&mut stream, &mut far).await.map(drop)
        }
        Err(error) => {
            let code = match &error {
                EgressError::Refused { .. } => 2,
                EgressError::Resolve { .. } => 4,
                _ => 5,
            };
            let by_rule = matches!(error, EgressError::Refused { .. });
            tell.send_replace(Some(Refused { why: error.to_string(), by_rule }));
            reply(&mut stream, code).await
        }
    }
}

async fn greet(stream: &mut TcpStream, credentials: &(Vec<u8>, Vec<u8>)) -> io::Result<Target> {
    let wrong = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
    let [version, count] = read(stream).await?;
    let methods = read_some(stream, count).await?;
    if version != VERSION || !methods.contains(&BY_PASSWORD) {
        stream.write_all(&[VERSION, NO_METHOD]).await?;
        return Err(wrong("no SOCKS5 with a password"));
    }
    stream.write_all(&[VERSION, BY_PASSWORD]).await?;
    let [_, length] = read(stream).await?;
    let user = read_some(stream, length).await?;
    let [length] = read(stream).await?;
    let password = read_some(stream, length).await?;
    if !same(&user, &credentials.0) | !same(&password, &credentials.1) {
        stream.write_all(&[1, 1]).await?;
        return Err(wrong("another password"));
    }
    stream.write_all(&[1, 0]).await?;
    let [version, command, _, kind] = read(stream).await?;
    if version != VERSION || command != 1 {
        reply(stream, 7).await?;
        return Err(wrong("no CONNECT"));
    }
    let host = match kind {
        1 => IpAddr::from(Ipv4Addr::from(read::<4>(stream).await?)).to_string(),
        4 => IpAddr::from(Ipv6Addr::from(read::<16>(stream).await?)).to_string(),
        3 => {
            let [length] = read(stream).await?;
            String::from_utf8(read_some(stream, length).await?).map_err(|_| wrong("a host that is no text"))?
        }
        _ => return Err(wrong("an address of no known kind")),
    };
    Ok(Target::new(None, &host, u16::from_be_bytes(read(stream).await?)))
}

async fn reply(stream: &mut TcpStream, code: u8) -> io::Result<()> {
    stream.write_all(&[VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0]).await
}

async fn read<const COUNT: usize>(stream: &mut TcpStream) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn read_some(stream: &mut TcpStream, count: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(count)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Compares without saying by its time how much was right.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (left, right)| sum | (left ^ right)) == 0
}
