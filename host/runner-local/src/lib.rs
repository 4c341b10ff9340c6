//! Steps as processes and containers on this machine.

pub(crate) mod agent;
mod images;
mod local;
mod plan;
mod settings;

pub use agent::agent_main;
pub use images::{ImageConfig, ImageError, ImageStore};
pub use local::LocalRunner;
pub use settings::{AgentProgram, ImagesMode, Isolation, Settings};
