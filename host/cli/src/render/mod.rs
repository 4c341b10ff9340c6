//! What a person sees: pure functions from data to text.
//!
//! ```text
//!   data ──► Text, Table, tree, summary ──► lines ──► Live (redrawn) or a plain stream
//! ```
//!
//! Nothing here talks to a server or reads a clock: the terminal and `now` are passed in, so that tests see exactly what people see.

pub mod board;
pub mod fields;
pub mod live;
pub mod log;
pub mod node_filter;
pub mod objects;
pub mod phase;
pub mod plugins;
pub mod problems;
pub mod summary;
pub mod table;
pub mod terminal;
pub mod text;
pub mod time;
pub mod tree;
pub mod yaml;

pub use table::{Column, Table};
pub use terminal::Terminal;
pub use text::{Paint, Text};
