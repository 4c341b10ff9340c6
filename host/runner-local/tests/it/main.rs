//! Real processes through the runner's port.
//!
//! Tests need Linux and namespaces; what cannot be had here is skipped, and says so.
#![allow(missing_docs)]

mod artifacts;
mod basics;
mod crash;
mod images;
mod isolation;
mod kit;
mod lifecycle;
mod measure;
mod network;
mod unprivileged;
mod volumes;
