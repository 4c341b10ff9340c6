//! The metrics page.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A page, as it was.
#[derive(Debug, Clone)]
pub struct Metrics(String);

impl Metrics {
    /// Reads it from `host:port`.
    ///
    /// # Panics
    /// Nothing answers, or something else does.
    pub fn read(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).expect("the metrics address answers");
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("the page is asked for");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the page is text");
        let (head, page) = answer.split_once("\r\n\r\n").expect("a head and a page");
        assert!(head.starts_with("HTTP/1") && head.contains(" 200 "), "{head}");
        Self(page.to_owned())
    }

    /// The page.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The sum of all samples of a metric that have these labels (`name="value"`).
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let samples = self.0.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        let own = samples.filter(|(series, _)| series.split('{').next() == Some(name));
        let own = own.filter(|(series, _)| labels.iter().all(|label| series.contains(label)));
        own.map(|(_, value)| value.parse::<f64>().expect("a number")).sum()
    }

    /// The names of all samples.
    pub fn names(&self) -> BTreeSet<&str> {
        let samples = self.0.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        samples.filter_map(|line| line.split(['{', ' ']).next()).collect()
    }
}
