//! The services over gRPC on loopback: a real client, the in-memory store, engines, artifacts and plugins that the tests steer.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod archive;
mod artifacts;
mod clients;
mod desk;
mod errors;
mod every_rpc;
mod fakes;
mod large;
mod logs;
mod plugins;
mod resources;
mod security;
mod templates_cron;
mod watches;
mod workflows;
mod world;
