//! Addresses on this machine.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A loopback port that refuses every connection while this lives: it is held and not listened on, so that nobody else gets it.
#[derive(Debug)]
pub struct DeafPort(TcpSocket);

impl DeafPort {
    /// Takes a free port.
    ///
    /// # Errors
    ///
    /// The machine gives no socket.
    pub fn take() -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self(socket))
    }

    /// Where nobody answers.
    ///
    /// # Errors
    ///
    /// The machine does not know it.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_refuses() {
        let port = DeafPort::take().unwrap();
        let refused = std::net::TcpStream::connect(port.address().unwrap()).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
