//! Real processes through the runner's port.
#![allow(missing_docs)]

mod basics;
mod kit;
mod measure;
