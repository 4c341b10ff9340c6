//! Values with a meaning of their own: times, durations, quantities, and the types that take numbers and text alike.

mod any_string;
mod duration;
mod int_or_string;
mod quantity;
mod raw;
mod timestamp;

pub use any_string::AnyString;
pub(crate) use any_string::float_text;
pub use duration::{DurationError, parse_duration_ms, parse_go_duration_ms};
pub use int_or_string::IntOrString;
pub use quantity::{Quantity, QuantityError};
pub use raw::{Any, Raw};
pub use timestamp::{Timestamp, TimestampError};

#[cfg(test)]
mod tests;
