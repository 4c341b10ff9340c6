//! Addresses of repositories. What is left after parsing cannot be read as an option, a command or a file.

use egress::Target;
use url::Url;

/// The address of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    url: String,
    kind: Kind,
    host: String,
    port: u16,
}

/// How it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `http://`.
    Http,
    /// `https://`.
    Https,
    /// `ssh://user@host/path` or `user@host:path`.
    Ssh,
}

/// A name and password that stood in the address.
pub(crate) type InUrl = Option<(String, String)>;

impl Remote {
    /// Takes an address apart. Name and password of an http address are taken out of it.
    pub(crate) fn parse(text: &str) -> Result<(Self, InUrl), String> {
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if text.starts_with('-') || text.contains(|character: char| character.is_control() || character.is_whitespace())
        {
            return Err("is no address of a repository".to_owned());
        }
        if !text.contains("://") {
            return Self::short(text).map(|remote| (remote, None)).ok_or_else(|| {
                "is no address that is called: expected https://, http://, ssh:// or user@host:path".to_owned()
            });
        }
        let mut url = Url::parse(text).map_err(|error| format!("cannot be read: {error}"))?;
        let kind = match url.scheme() {
            "http" => Kind::Http,
            "https" => Kind::Https,
            "ssh" => Kind::Ssh,
            "git" => {
                return Err("has the scheme git, which neither proves nor hides anything: use https or ssh".to_owned());
            }
            other => return Err(format!("has the scheme {other}: expected https, http or ssh")),
        };
        let host = url.host_str().filter(|host| is_host(host)).ok_or("has no host")?.to_owned();
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a query or fragment".to_owned());
        }
        let mut in_url = None;
        if kind == Kind::Ssh {
            if url.password().is_some() {
                return Err("has a password, which ssh does not take: use sshPrivateKeySecret".to_owned());
            }
            if !url.username().is_empty() && !is_user(url.username()) {
                return Err("has a user that is none".to_owned());
            }
        } else if !url.username().is_empty() || url.password().is_some() {
            let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            in_url = Some((plain(url.username()), plain(url.password().unwrap_or_default())));
            url.set_username("").ok();
            url.set_password(None).ok();
        }
        let standard = match kind {
            Kind::Http => 80,
            Kind::Https => 443,
            Kind::Ssh => 22,
        };
        let port = url.port().unwrap_or(standard);
        Ok((Self { url: url.into(), kind, host, port }, in_url))
    }

    /// `user@host:path`, which is ssh.
    fn short(text: &str) -> Option<Self> {
        let (before, path) = text.split_once(':')?;
        let (user, host) = before.split_once('@')?;
        let honest = is_user(user) && is_host(host) && !path.is_empty() && !path.starts_with(['-', ':']);
        honest.then(|| Self { url: text.to_owned(), kind: Kind::Ssh, host: host.to_owned(), port: 22 })
    }

    /// The address that a submodule names: one of its own, or `./` and `../` relative to this.
    pub(crate) fn join(&self, text: &str) -> Result<(Self, InUrl), String> {
        if !text.starts_with("./") && !text.starts_with("../") {
            return Self::parse(text);
        }
        let mut base = self.url.trim_end_matches('/').to_owned();
        let root = base.find("://").map_or_else(
            || base.find(':'),
            |at| base.get(at + 3..).and_then(|rest| rest.find('/')).map(|slash| at + 3 + slash),
        );
        let root = root.ok_or("is relative to nothing")?;
        let mut rest = text;
        loop {
            if let Some(after) = rest.strip_prefix("./") {
                rest = after;
            } else if let Some(after) = rest.strip_prefix("../") {
                rest = after;
                let cut =
                    base.rfind('/').filter(|cut| *cut >= root).or_else(|| base.rfind(':').filter(|cut| *cut >= root));
                let cut = cut.ok_or("leaves its server")?;
                // A short address keeps its colon.
                base.truncate(if base.as_bytes().get(cut) == Some(&b':') { cut + 1 } else { cut });
            } else {
                break;
            }
        }
        if base.ends_with(':') { Self::parse(&format!("{base}{rest}")) } else { Self::parse(&format!("{base}/{rest}")) }
    }

    /// The address as git is given it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How it is called.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Its host.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Scheme, host and port of an http address, as git's settings for one server are named.
    pub(crate) fn origin(&self) -> Option<String> {
        match self.kind {
            Kind::Http => Some(format!("http://{}:{}", self.host, self.port)),
            Kind::Https => Some(format!("https://{}:{}", self.host, self.port)),
            Kind::Ssh => None,
        }
    }

    /// What the guard is asked about.
    pub(crate) fn target(&self) -> Target {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Https => "https",
            Kind::Ssh => "ssh",
        };
        Target::new(Some(scheme), &self.host, self.port)
    }
}

/// A name or address. Neither `-oProxyCommand=…` nor anything a shell or ssh's patterns would read differently.
fn is_host(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    if let Some(address) = inner {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !host.is_empty()
        && !host.starts_with(['-', '.'])
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn is_user(user: &str) -> bool {
    !user.is_empty()
        && !user.starts_with('-')
        && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_called() {
        let table = [
            ("https://github.com/o/r.git", "https://github.com/o/r.git", Kind::Https, "github.com", 443),
            ("https://user:p%40ss@h:8443/r", "https://h:8443/r", Kind::Https, "h", 8443),
            ("http://127.0.0.1:9/r", "http://127.0.0.1:9/r", Kind::Http, "127.0.0.1", 9),
            ("git@github.com:o/r.git", "git@github.com:o/r.git", Kind::Ssh, "github.com", 22),
            ("ssh://git@h:2222/o/r", "ssh://git@h:2222/o/r", Kind::Ssh, "h", 2222),
            ("ssh://h/r", "ssh://h/r", Kind::Ssh, "h", 22),
            ("https://[::1]:7/r", "https://[::1]:7/r", Kind::Https, "[::1]", 7),
        ];
        for (text, url, kind, host, port) in table {
            let (remote, _) = Remote::parse(text).unwrap();
            assert_eq!(
                (remote.url(), remote.kind, remote.host.as_str(), remote.port),
                (url, kind, host, port),
                "{text}"
            );
        }
        assert_eq!(Remote::parse("https://user:p%40ss@h/r").unwrap().1, Some(("user".into(), "p@ss".into())));
    }

    #[test]
    fn addresses_that_are_not() {
        for text in [
            "",
            "-",
            "--upload-pack=touch /tmp/x",
            "-oProxyCommand=touch x",
            "ext::sh -c touch% x",
            "ext::x",
            "fd::17",
            "file:///etc",
            "/etc/passwd",
            "../x",
            ".",
            "r.git",
            "ssh://-oProxyCommand=touch/x",
            "ssh://-oProxyCommand=x@h/r",
            "ssh://u:p@h/r",
            "-u@h:r",
            "u@-oProxyCommand=x:r",
            "u@h:-x",
            "u@h:",
            "u@h::x",
            "u@*:r",
            "u@h\n:r",
            "git://h/r",
            "ftp://h/r",
            "https://",
            "https://h/r?x",
            "https://h/r#x",
            "https://h /r",
            "https://h/\u{0}",
            "transport::https://h/r",
            "u@[fe80::1%eth0]:r",
        ] {
            assert!(Remote::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn addresses_relative_to_another() {
        let table = [
            ("https://h/o/r.git", "../s.git", "https://h/o/s.git"),
            ("https://h/o/r.git/", "../../p/s", "https://h/p/s"),
            ("https://h/o/r", "./s", "https://h/o/r/s"),
            ("git@h:o/r.git", "../s.git", "git@h:o/s.git"),
            ("git@h:r.git", "../s.git", "git@h:s.git"),
            ("ssh://git@h/o/r", "../s", "ssh://git@h/o/s"),
            ("https://h/o/r", "https://other/x", "https://other/x"),
        ];
        for (base, text, expect) in table {
            let (base, _) = Remote::parse(base).unwrap();
            assert_eq!(base.join(text).unwrap().0.url(), expect, "{text}");
        }
        let (base, _) = Remote::parse("https://h/r").unwrap();
        for text in ["../../x", "../../../x", "/etc", "file:///etc", "--upload-pack=x"] {
            assert!(base.join(text).is_err(), "{text}");
        }
    }
}
