//! jq programs.

use crate::Error;

/// What one jq evaluation may take and give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the input document.
    pub input_bytes_max: usize,
    /// Number of results.
    pub outputs_max: usize,
    /// Bytes of all results together, as JSON.
    pub output_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { input_bytes_max: 16 << 20, outputs_max: 10_000, output_bytes_max: 16 << 20 }
    }
}

/// Checks a program without running it.
pub fn check(program: &str) -> Result<(), Error> {
    let _ = program;
    Ok(())
}

/// Runs `program` on the JSON text `input` and gives its results as JSON values.
pub fn eval(program: &str, input: &str, limits: Limits) -> Result<Vec<serde_json::Value>, Error> {
    let (_, _, _) = (program, input, limits);
    Err(Error::internal("not built"))
}
