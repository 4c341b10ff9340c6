//! Tests of plugins, natively: `cargo test` as for any other crate, with stand-ins for the host. Each test's thread has its own.
//!
//! ```
//! use colchis_sdk::http::{Request, Response};
//! use colchis_sdk::testing;
//!
//! testing::serve(|request| {
//!     assert_eq!(request.url(), "http://dice.example/throw?sides=6");
//!     Ok(Response::new(200, "4"))
//! });
//! let thrown: u32 = Request::get("http://dice.example/throw").query("sides", "6").send().unwrap().json().unwrap();
//! assert_eq!(thrown, 4);
//! ```

#[cfg(feature = "test-servers")]
pub mod servers;

use std::time::Duration;

use crate::Result;
use crate::endpoint::Input;
use crate::host::native::{Fakes, with};
use crate::http::{Request, Response};
use crate::log::Level;

/// Requests over HTTP are answered by this.
pub fn serve(server: impl FnMut(&Request) -> Result<Response> + 'static) {
    with(|fakes| fakes.server = Some(Box::new(server)));
}

/// Connections are answered by scripts: by address, a function that is given what is written and says what comes back for it. It is called once with nothing
/// when the connection opens, for what a server says first. Where nothing is set, connections go to real servers, over plain TCP.
pub fn connect(mut peers: impl FnMut(&str) -> Result<Box<dyn FnMut(&[u8]) -> Vec<Input>>> + 'static) {
    with(|fakes| fakes.peer = Some(Box::new(move |address| peers(address))));
}

/// The clock stands at this time.
pub fn set_now_ms(now: u64) {
    with(|fakes| fakes.now_ms = Some(now));
}

/// Calls have this long, and whether they were cancelled.
pub fn set_call(remaining: Duration, cancelled: bool) {
    with(|fakes| {
        fakes.remaining = remaining;
        fakes.cancelled = cancelled;
    });
}

/// What was logged until now, with its fields behind it.
pub fn logged() -> Vec<(Level, String)> {
    with(|fakes| fakes.log.clone())
}

/// How long was slept until now; nothing really waits.
pub fn slept() -> Duration {
    with(|fakes| fakes.slept)
}

/// A secret of that name is granted, with this value: it is revealed, signs and verifies, and is put in the place of `stand-in-for-NAME` where something is written.
/// Stand-ins alone need no value.
pub fn set_secret(name: &str, value: impl Into<Vec<u8>>) {
    with(|fakes| fakes.secrets.insert(name.to_owned(), value.into()));
}

/// No secret of that name is granted: neither its value nor a stand-in is to be had.
pub fn refuse_secret(name: &str) {
    with(|fakes| fakes.refused_secrets.insert(name.to_owned()));
}

/// An input artifact of a step, or one that a step wrote.
pub fn artifact(name: &str) -> Option<Vec<u8>> {
    with(|fakes| fakes.artifacts.get(name).cloned())
}

/// A step finds this as its input artifact.
pub fn set_artifact(name: &str, bytes: impl Into<Vec<u8>>) {
    with(|fakes| fakes.artifacts.insert(name.to_owned(), bytes.into()));
}

/// What a step added to its log until now.
pub fn output() -> Vec<u8> {
    with(|fakes| fakes.output.clone())
}

/// Everything as at the beginning.
pub fn reset() {
    with(|fakes| *fakes = Fakes::default());
}
