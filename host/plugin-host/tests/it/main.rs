//! The host with real components: what they do, what they cannot do, what becomes of those that misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests end at the first surprise"
)]

mod calls;
mod endpoints;
mod golang;
mod hostile;
mod kinds;
mod kits;
mod languages;
mod loading;
mod reach;
mod renderers;
mod renders;
mod support;
mod warm;
