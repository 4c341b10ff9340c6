//! Loops: what a step is repeated over.

use crate::values::{Any, IntOrString, Raw};

/// One item of `withItems`: any JSON value.
pub type Item = Raw<Any>;

record! {
    /// Numbers that a step is repeated over; `count` or `end` is set.
    pub struct Sequence {
        /// How many numbers.
        pub count: Option<IntOrString>,
        /// The first number; 0 by default.
        pub start: Option<IntOrString>,
        /// The last number; the sequence goes down when it is below `start`.
        pub end: Option<IntOrString>,
        /// How each number is written, as Go's `Printf` does.
        pub format: Option<String>,
    }
}
