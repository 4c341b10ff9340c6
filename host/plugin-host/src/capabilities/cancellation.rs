//! `colchis:plugin/cancellation`.

use std::time::Instant;

use crate::bindings::imports::cancellation;
use crate::instance::State;

impl cancellation::Host for State {
    async fn is_cancelled(&mut self) -> wasmtime::Result<bool> {
        self.host_call()?;
        Ok(self.call.context.cancel.is_cancelled())
    }

    async fn remaining(&mut self) -> wasmtime::Result<u64> {
        self.host_call()?;
        let left = self.call.ends.saturating_duration_since(Instant::now());
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }
}
