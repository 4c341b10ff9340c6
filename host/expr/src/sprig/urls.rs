//! URLs, taken apart and put together as Go's `net/url` does it.

use std::fmt::Write as _;

use crate::error::Error;
use crate::func::{Args, Ctx, Func};
use crate::value::{Map, Value};

pub(super) const TABLE: &[Func] =
    &[Func::new("sprig.urlParse", 1, 1, url_parse), Func::new("sprig.urlJoin", 1, 1, url_join)];

fn url_parse(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let text = args.str(0)?;
    ctx.meter.alloc(text.len().saturating_mul(2))?;
    let url = Url::parse(text).map_err(|why| Error::value(format!("{text:?} is no URL: {why}")))?;
    let mut map = Map::new();
    for (key, value) in [
        ("scheme", &url.scheme),
        ("host", &url.host),
        ("hostname", &url.hostname()),
        ("path", &url.path),
        ("query", &url.query),
        ("opaque", &url.opaque),
        ("fragment", &url.fragment),
        ("userinfo", &url.userinfo),
    ] {
        map.insert(key, Value::from(value))?;
    }
    ctx.map(map)
}

fn url_join(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    let map = args.map(0)?;
    let part = |key: &str| -> Result<String, Error> {
        match map.get(key) {
            None | Some(Value::Nil) => Ok(String::new()),
            Some(Value::Str(text)) => Ok(text.as_ref().to_owned()),
            Some(other) => {
                Err(Error::ty(format!("`sprig.urlJoin`: `{key}` must be a string, not {}", other.describe())))
            }
        }
    };
    let url = Url {
        scheme: part("scheme")?,
        opaque: part("opaque")?,
        userinfo: part("userinfo")?,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        fragment: part("fragment")?,
    };
    ctx.string(url.join())
}

#[derive(Default)]
struct Url {
    scheme: String,
    opaque: String,
    userinfo: String,
    host: String,
    path: String,
    query: String,
    fragment: String,
}

impl Url {
    fn parse(text: &str) -> Result<Url, String> {
        if text.bytes().any(|b| b < 0x20 || b == 0x7f) {
            return Err("it holds control characters".to_owned());
        }
        let mut url = Url::default();
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        url.fragment = decode(fragment)?;
        let (scheme, rest) = split_scheme(rest)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        url.query = query.to_owned();
        if !url.scheme.is_empty() && !rest.starts_with('/') {
            url.opaque = rest.to_owned();
            return Ok(url);
        }
        let path = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                url.authority(authority)?;
                path
            }
            None => rest,
        };
        let first = path.split('/').next().unwrap_or("");
        if url.scheme.is_empty() && first.contains(':') {
            return Err("the first segment of its path has a colon".to_owned());
        }
        url.path = decode(path)?;
        Ok(url)
    }

    fn authority(&mut self, authority: &str) -> Result<(), String> {
        let (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        self.userinfo = userinfo.to_owned();
        let port = match host.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((_, port)) => port,
                None => return Err("`]` is missing in its host".to_owned()),
            },
            None => host.find(':').and_then(|at| host.get(at..)).unwrap_or(""),
        };
        let port_ok = match port.strip_prefix(':') {
            Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()),
            None => port.is_empty(),
        };
        if !port_ok {
            return Err(format!("the port {port:?} is no number"));
        }
        if let Some(c) =
            host.chars().find(|c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"-._~!$&'()*+,;=:[]<>\"%".contains(*c))
        {
            return Err(format!("its host has the character {c:?}"));
        }
        self.host = decode(host)?;
        Ok(())
    }

    fn hostname(&self) -> String {
        match self.host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address.to_owned(),
            None => self.host.split(':').next().unwrap_or("").to_owned(),
        }
    }

    fn join(&self) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            let _ = write!(out, "{}:", self.scheme);
        }
        if !self.opaque.is_empty() {
            out.push_str(&self.opaque);
        } else {
            if !self.scheme.is_empty() || !self.host.is_empty() || !self.userinfo.is_empty() {
                out.push_str("//");
                if !self.userinfo.is_empty() {
                    let _ = write!(out, "{}@", self.userinfo);
                }
                out.push_str(&encode(&self.host, "!$&'()*+,;=:[]<>\""));
            }
            if !self.path.is_empty() && !self.path.starts_with('/') && !self.host.is_empty() {
                out.push('/');
            }
            out.push_str(&encode(&self.path, "$&+,/:;=@!'()*"));
        }
        if !self.query.is_empty() {
            let _ = write!(out, "?{}", self.query);
        }
        if !self.fragment.is_empty() {
            let _ = write!(out, "#{}", encode(&self.fragment, "$&+,/:;=?@!()*"));
        }
        out
    }
}

/// The scheme before the first colon, when what stands there can be one.
fn split_scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("its scheme is missing".to_owned()),
            ':' => return Ok((text.get(..at).unwrap_or(""), text.get(at + 1..).unwrap_or(""))),
            _ => break,
        }
    }
    Ok(("", text))
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = rest.by_ref().take(2).collect();
        let code =
            std::str::from_utf8(&digits).ok().filter(|d| d.len() == 2).and_then(|d| u8::from_str_radix(d, 16).ok());
        bytes.push(code.ok_or_else(|| format!("%{} is no escape", String::from_utf8_lossy(&digits)))?);
    }
    String::from_utf8(bytes).map_err(|_| "its escapes are no text (UTF-8)".to_owned())
}

fn encode(text: &str, keep: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if byte.is_ascii_alphanumeric() || (byte.is_ascii() && ("-_.~".contains(c) || keep.contains(c))) {
            out.push(c);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
